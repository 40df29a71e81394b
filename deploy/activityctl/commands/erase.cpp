#include <algorithm>
#include <iostream>
#include <memory>
#include <set>
#include <thread>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/group_tables.h"
#include "deploy/activityctl/learner.h"
#include "deploy/activityctl/progress.h"
#include "deploy/activityctl/record_scan.h"
#include "deploy/activityctl/table.h"
#include "deploy/activityctl/terminal.h"
#include "deploy/activityctl/time_option.h"
#include "deploy/activityctl/tries.h"
#include "schemas/activity/json.h"

namespace activity::ctl::commands {
namespace {

using namespace std::chrono_literals;

/// The topic that tells other systems of profiles; compacted, so its newest record of a key is what they
/// know.
constexpr const char* profiles_topic = "profiles";
constexpr std::size_t shown_anonymous_max = 20;

struct Arguments {
    Learner learner;
    bool report = false;
    bool no_sweep = false;
    bool dry_run = false;
    bool yes = false;
};

void stop_if_interrupted() {
    if (interrupted()) throw Interrupted("interrupted; the same command goes on where this one stopped");
}

bool exists(Database& database, const std::string& table) {
    return !database.query("SELECT 1 WHERE to_regclass($1) IS NOT NULL", {table}).empty();
}

// --- the steps ---

/// Whoever reads an event of them from now on drops it. A worker looks at the tombstones before it writes, in
/// the same transaction; so once we have had the table to ourselves, what it did not see yet it has not
/// written either.
void put_tombstones(Database& database, const Learner& learner) {
    with_tries(database, [&](Database::Transaction& transaction) {
        transaction.query("LOCK TABLE activity.erased IN ACCESS EXCLUSIVE MODE");
        return transaction.query(
            "INSERT INTO activity.erased (learner_key, erased_at) SELECT key, clock_timestamp() "
            "FROM unnest($1::uuid[]) AS learner (key) ON CONFLICT (learner_key) DO UPDATE SET erased_at = "
            "excluded.erased_at RETURNING 1",
            {key_array(learner)});
    });
}

/// When the learner was active, with a day on either side, as far as the profiles know all of their IDs.
struct Span {
    std::string from;
    std::string to;
};

std::optional<Span> span_of(Database& database, const Learner& learner) {
    if (!exists(database, "activity.profile")) return std::nullopt;
    const auto rows = database.query(
        "SELECT count(*), min(first_seen_at) - interval '1 day', max(last_seen_at) + interval '1 day' "
        "FROM activity.profile WHERE learner_key = ANY ($1::uuid[])",
        {key_array(learner)});
    if (std::stoull(rows.at(0)[0].value()) < learner.ids().size()) return std::nullopt;
    return Span{rows[0][1].value(), rows[0][2].value()};
}

struct Events {
    std::int64_t rows = 0;
    std::set<std::string> anonymous;  ///< seen with the user: the same person, perhaps
};

/// Deletes or counts, partition by partition. With a span, only what lies in it: an index knows where that
/// is. Partitions that are made meanwhile may have got rows from one that we had not come to: so they are
/// listed again until none is new.
Events visit_events(Database& database, const Learner& learner, const std::optional<Span>& span, bool erase) {
    auto parameters = event_parameters(learner);
    std::string condition = event_of_learner;
    if (span) {
        condition += " AND occurred_at BETWEEN $3::timestamptz AND $4::timestamptz";
        parameters.insert(parameters.end(), {span->from, span->to});
    }
    Events events;
    Progress progress(erase ? "erasing events" : "looking for events", "partitions",
                      static_cast<std::int64_t>(event_partitions(database).size()));
    std::set<std::string> visited;
    const auto next = [&]() -> std::optional<std::string> {
        for (auto& partition : event_partitions(database))
            if (visited.insert(partition).second) return std::move(partition);
        return std::nullopt;
    };
    while (const auto found_partition = next()) {
        const std::string& partition = *found_partition;
        stop_if_interrupted();
        const auto found =
            "WITH found AS (" +
            (erase ? "DELETE FROM " + partition + " WHERE " + condition + " RETURNING anonymous_id"
                   : "SELECT anonymous_id FROM " + partition + " WHERE " + condition) +
            ") SELECT anonymous_id, count(*) FROM found GROUP BY 1";
        try {
            for (const auto& row : database.query(found, parameters)) {
                events.rows += std::stoll(row[1].value());
                if (row[0]) events.anonymous.insert(*row[0]);
            }
        } catch (const DatabaseError& error) {
            if (error.sqlstate() != "42P01") throw;  // dropped meanwhile, with all that it had
        }
        progress.add(1);
    }
    for (const auto& id : learner.ids()) events.anonymous.erase(id);
    return events;
}

std::vector<GroupTable> learner_tables(Database& database) {
    auto transaction = database.begin();
    auto tables = group_tables(transaction, std::nullopt);
    std::erase_if(tables, [](const GroupTable& table) { return table.learner_column.empty(); });
    // The profile goes last: until then it tells where the events lie.
    std::ranges::stable_partition(tables,
                                  [](const GroupTable& table) { return table.table != "activity.profile"; });
    return tables;
}

std::int64_t erase_rows(Database& database, const Learner& learner, const GroupTable& table) {
    return with_tries(database, [&](Database::Transaction& transaction) {
        const auto rows =
            transaction.query("WITH gone AS (DELETE FROM " + table.table + " WHERE " + table.learner_column +
                                  " = ANY ($1::uuid[]) RETURNING 1) SELECT count(*) FROM gone",
                              {key_array(learner)});
        return std::stoll(rows.at(0)[0].value());
    });
}

/// The relay publishes a null for whoever has no profile; also if a run before this one deleted it.
void mark_profiles_gone(Database& database, const Learner& learner) {
    if (!exists(database, "activity.profile_change")) return;
    std::vector<std::string> record_keys;
    for (const auto& key : learner.keys()) record_keys.push_back(key.record_key);
    with_tries(database, [&](Database::Transaction& transaction) {
        return transaction.query(
            "INSERT INTO activity.profile_change AS c (learner_key, record_key) "
            "SELECT gone.learner_key, gone.record_key FROM unnest($1::uuid[], $2::text[]) AS gone "
            "(learner_key, "
            "record_key) WHERE NOT EXISTS (SELECT FROM activity.profile AS p WHERE p.learner_key = "
            "gone.learner_key) "
            "ORDER BY 1 ON CONFLICT (learner_key) DO UPDATE SET version = excluded.version, record_key = "
            "excluded.record_key RETURNING 1",
            {key_array(learner), array_text(record_keys)});
    });
}

// --- the report ---

struct Published {
    std::string record_key;
    std::string state = "none";  ///< none, tombstone, document
    std::int64_t timestamp_ms = -1;
};

/// What a reader of the compacted topic knows of them.
std::vector<Published> published(const Context& context, wire::Admin& admin, const Learner& learner) {
    std::vector<Published> all;
    for (const auto& key : learner.keys()) all.push_back({key.record_key});
    const auto ranges = whole_topics(admin, {context.settings().topic_prefix + profiles_topic});
    std::int64_t total = 0;
    for (const auto& range : ranges) total += range.records();
    Progress progress("reading the topic of profiles", "records", total);
    scan(context, ranges, [&](const wire::InboundRecord& record) {
        progress.add(1);
        const auto of_key = std::ranges::find(all, record.key(), &Published::record_key);
        if (of_key == all.end() || record.timestamp_ms() < of_key->timestamp_ms) return;
        of_key->state = record.value().data() == nullptr ? "tombstone" : "document";
        of_key->timestamp_ms = record.timestamp_ms();
    });
    return all;
}

std::int64_t option_ms(const wire::TopicConfig& config, const std::string& name) {
    const auto option = config.find(name);
    return option == config.end() ? -1 : std::stoll(option->second.value);
}

/// Topics that still hold records of a learner who is silent from now on, and until when at the latest.
Table kept_in_kafka(const Context& context, wire::Admin& admin, Timestamp last) {
    std::vector<std::string> topics;
    for (const auto& topic : admin.describe_cluster().topics) {
        if (topic.name.starts_with(context.settings().topic_prefix)) topics.push_back(topic.name);
    }
    Table table({"topic", "kept_for", "gone_by"});
    for (const auto& [topic, config] : admin.topic_configs(topics)) {
        const auto policy = config.find("cleanup.policy");
        if (policy != config.end() && policy->second.value.find("compact") != std::string::npos) {
            table.add({topic, "until compacted", Cell()});
            continue;
        }
        const auto retention = option_ms(config, "retention.ms");
        if (retention < 0) {
            table.add({topic, "for ever", Cell()});
            continue;
        }
        // A segment goes as a whole, and may take records for as long as segment.ms before it is closed.
        const auto longest =
            std::chrono::milliseconds(retention + std::max<std::int64_t>(0, option_ms(config, "segment.ms")));
        table.add(
            {topic, duration_text(std::chrono::milliseconds(retention)), time_to_the_second(last + longest)});
    }
    return table;
}

struct Report {
    Table tombstones{{"record_key", "learner_key", "erased_at"}};
    Table tables{{"table", "group", "rows_left"}};
    Table published{{"record_key", "newest_record", "at"}};
    Table kept{{"topic", "kept_for", "gone_by"}};
    std::vector<std::string> open;  ///< what is not as it must be, with what to do
};

Report report_of(const Context& context, const Arguments& arguments, Database& database,
                 std::optional<std::int64_t> events_left) {
    const auto& learner = arguments.learner;
    Report report;
    Timestamp last = Timestamp::min();
    for (const auto& key : learner.keys()) {
        const auto row = database.query(
            "SELECT to_char(erased_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM "
            "activity.erased WHERE "
            "learner_key = $1::uuid",
            {key.learner_key});
        report.tombstones.add(
            {key.record_key, key.learner_key, row.empty() ? Cell() : Cell(row[0][0].value())});
        if (row.empty()) {
            report.open.push_back(printable(key.record_key) +
                                  " was never erased: activityctl erase without --report");
        } else {
            last = std::max(last, parse_timestamp(row[0][0].value()).value_or(last));
        }
    }
    const auto count = [&](const std::string& table, const std::string& group, std::int64_t left) {
        report.tables.add({table, group, left});
        if (left > 0) {
            report.open.push_back(counted(left, "row") + " left in " + table +
                                  ": the learner came back, or the erasure did not end; run it again");
        }
    };
    if (!events_left && !arguments.no_sweep)
        events_left = visit_events(database, learner, std::nullopt, false).rows;
    if (events_left) {
        count("activity.event", "records", *events_left);
    } else {
        report.tables.add({"activity.event", "records", Cell()});
        report.open.push_back("activity.event was not looked through: leave out --no-sweep");
    }
    for (const auto& table : learner_tables(database)) {
        const auto left = database.query(
            "SELECT count(*) FROM " + table.table + " WHERE " + table.learner_column + " = ANY ($1::uuid[])",
            {key_array(learner)});
        count(table.table, table.group, std::stoll(left.at(0)[0].value()));
    }
    if (!context.has_kafka()) {
        report.open.push_back("Kafka was not looked at: ACTIVITY_KAFKA_BOOTSTRAP is not set");
        return report;
    }
    auto admin = context.admin();
    for (const auto& of_key : published(context, admin, learner)) {
        report.published.add(
            {of_key.record_key, of_key.state,
             of_key.timestamp_ms < 0
                 ? Cell()
                 : Cell(time_to_the_second(Timestamp{std::chrono::milliseconds{of_key.timestamp_ms}}))});
        if (of_key.state == "document") {
            report.open.push_back("the topic of profiles still has a document of " +
                                  printable(of_key.record_key) +
                                  ": a worker of the group profiles must run; it publishes the tombstone");
        }
    }
    report.kept = kept_in_kafka(context, admin, last == Timestamp::min() ? activity::now() : last);
    return report;
}

void print(const Context& context, const Learner& learner, const Report& report) {
    if (context.json) {
        std::string out = "{\"complete\": ";
        out += report.open.empty() ? "true" : "false";
        out += ",\n\"open\": [";
        for (std::size_t i = 0; i < report.open.size(); ++i) {
            if (i != 0) out += ", ";
            json::append_string(out, report.open[i]);
        }
        out += "],\n\"tombstones\": " + report.tombstones.json() + ",\n\"tables\": " + report.tables.json() +
               ",\n\"profiles_topic\": " + report.published.json() + ",\n\"kafka\": " + report.kept.json() +
               "}";
        std::cout << out << '\n';
        return;
    }
    std::cout << "Erasure of " << learner.text()
              << "\n\nTombstones: events received up to then are applied by nobody\n";
    report.tombstones.print(std::cout);
    std::cout << "\nRows left in PostgreSQL\n";
    report.tables.print(std::cout);
    if (!report.published.empty()) {
        std::cout << "\nWhat the topic of profiles tells others\n";
        report.published.print(std::cout);
    }
    if (!report.kept.empty()) {
        std::cout
            << "\nKafka may still hold records of the learner until its retention ends, at the latest:\n";
        report.kept.print(std::cout);
    }
    std::cout
        << "\nBackups of PostgreSQL and of Kafka, and what `export` wrote, hold the learner until you delete "
           "them; "
           "after a restore\nof PostgreSQL, erase again. Counts of events and of learners stay: they name "
           "nobody.\n\n";
    if (report.open.empty()) {
        std::cout << "Complete: nothing of the learner is left in PostgreSQL.\n";
    } else {
        std::cout << "Not complete:\n";
        for (const auto& line : report.open) std::cout << "  " << line << '\n';
    }
}

// --- the command ---

void hint(const std::set<std::string>& anonymous) {
    if (anonymous.empty()) return;
    std::cerr << "These anonymous IDs were seen with the user. Events under them alone may be the same "
                 "person's: look, "
                 "then erase\nthem with --anonymous (a device may have more than one user):\n";
    std::size_t shown = 0;
    for (const auto& id : anonymous) {
        if (++shown > shown_anonymous_max) break;
        std::cerr << "  --anonymous " << printable(id) << '\n';
    }
    if (anonymous.size() > shown_anonymous_max)
        std::cerr << "  … and " << anonymous.size() - shown_anonymous_max << " more\n";
}

int dry_run(const Arguments& arguments, Database& database) {
    const auto& learner = arguments.learner;
    const auto events = visit_events(database, learner, std::nullopt, false);
    Table table({"table", "group", "rows"});
    table.add({"activity.event", "records", events.rows});
    for (const auto& registered : learner_tables(database)) {
        const auto rows = database.query("SELECT count(*) FROM " + registered.table + " WHERE " +
                                             registered.learner_column + " = ANY ($1::uuid[])",
                                         {key_array(learner)});
        table.add({registered.table, registered.group, std::int64_t{std::stoll(rows.at(0)[0].value())}});
    }
    table.print(std::cout);
    hint(events.anonymous);
    std::cerr << "Dry run: nothing was erased.\n";
    return exit_ok;
}

int erase(const Context& context, const Arguments& arguments) {
    const auto& learner = arguments.learner;
    catch_interrupts();
    auto database = context.database();
    if (arguments.report) {
        const auto report = report_of(context, arguments, database, std::nullopt);
        print(context, learner, report);
        return report.open.empty() ? exit_ok : exit_failed;
    }
    if (arguments.dry_run) return dry_run(arguments, database);
    if (!arguments.yes && !confirmed("Everything that PostgreSQL has of " + learner.text() +
                                         " will be gone for good. (--dry-run counts it.)",
                                     learner.user)) {
        std::cerr << "Nothing was erased.\n";
        return exit_failed;
    }
    // Each step may be done again, and none undoes another: whatever ends this, the same command finishes it.
    put_tombstones(database, learner);
    std::cerr << "tombstone set: no worker applies what was received before\n";
    Events events;
    const auto span = span_of(database, learner);
    if (span) events = visit_events(database, learner, span, true);
    for (const auto& table : learner_tables(database)) {
        const auto rows = erase_rows(database, learner, table);
        if (rows > 0) std::cerr << counted(rows, "row") << " of " << table.table << " erased\n";
    }
    mark_profiles_gone(database, learner);
    // The profile may not have known all: events that it was too late for, or whose time was not to be
    // believed.
    const bool swept = !span || !arguments.no_sweep;
    if (swept) {
        auto rest = visit_events(database, learner, std::nullopt, true);
        events.rows += rest.rows;
        events.anonymous.merge(rest.anonymous);
    }
    std::cerr << counted(events.rows, "row") << " of activity.event erased\n";
    hint(events.anonymous);

    if (context.has_kafka()) {
        // The relay needs a moment; without a worker of that group nobody will.
        auto admin = context.admin();
        const auto deadline = std::chrono::steady_clock::now() + context.timeout();
        while (std::ranges::count(published(context, admin, learner), "document", &Published::state) != 0 &&
               std::chrono::steady_clock::now() < deadline && !interrupted()) {
            std::this_thread::sleep_for(500ms);
        }
    }
    std::cerr << '\n';
    const auto report =
        report_of(context, arguments, database, swept ? std::optional<std::int64_t>(0) : std::nullopt);
    print(context, learner, report);
    return report.open.empty() ? exit_ok : exit_failed;
}

}  // namespace

void add_erase(CLI::App& app, Context& context) {
    auto& command = *app.add_subcommand("erase", "Erase a learner from PostgreSQL for good, and prove it");
    const auto arguments = std::make_shared<Arguments>();
    add_learner(command, arguments->learner);
    auto* report = command.add_flag("--report", arguments->report,
                                    "Erase nothing; show what is left where (exit code 1 if any is)");
    command
        .add_flag("--dry-run", arguments->dry_run,
                  "Erase nothing; count the rows, and list the anonymous IDs")
        ->excludes(report);
    command.add_flag(
        "--no-sweep", arguments->no_sweep,
        "Believe the profile's first and last day, and don't look through all of activity.event");
    command.add_flag("--yes", arguments->yes, "Do not ask");
    command.add_flag("--json", context.json, "The report as JSON on stdout");
    add_timeout(command, context);
    command.footer(
        "First a tombstone: what was received up to that moment is applied by no worker any more, however "
        "often it is\n"
        "read again. Then rows are deleted: events, and every table in which a worker group has registered a "
        "learner's\n"
        "column. Counts stay. It may be run again at any time; after a crash that finishes it.\n"
        "Examples:\n"
        "  activityctl erase --source web --user u1 --dry-run\n"
        "  activityctl erase --source web --user u1 --anonymous 3f1c9a77 --yes\n"
        "  activityctl erase --source web --user u1 --report");
    on_run(command, context, [&context, arguments] { return erase(context, *arguments); });
}

}  // namespace activity::ctl::commands
