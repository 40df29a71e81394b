#include <simdjson.h>
#include <algorithm>
#include <iostream>
#include <memory>
#include <set>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/dead_letter.h"
#include "deploy/activityctl/progress.h"
#include "deploy/activityctl/record_scan.h"
#include "deploy/activityctl/record_sender.h"
#include "deploy/activityctl/table.h"
#include "deploy/activityctl/terminal.h"
#include "deploy/activityctl/time_option.h"
#include "schemas/activity/json.h"
#include "schemas/wire/group_topics.h"

namespace activity::ctl::commands {
namespace {

/// Sent, delivered and marked together: what a crash sends once more.
constexpr std::size_t chunk_letters = 500;
constexpr std::size_t shown_letters = 100;
constexpr std::size_t key_characters = 40;
constexpr std::size_t detail_characters = 60;

struct Arguments {
    std::vector<std::string> ids;
    std::string group;
    std::string reason;
    std::string key;
    std::string topic;
    std::string since;
    std::string until;
    std::string note;
    std::int64_t limit = 0;
    bool all = false;
    bool summary = false;
    bool raw = false;
    bool dry_run = false;
    bool again = false;
    bool yes = false;
};

/// What an operator did with a dead letter.
struct Done {
    std::string state;
    std::string note;
    std::string at;
};

struct Letter {
    DeadLetter letter;
    std::optional<Done> done;

    std::string state() const { return done ? done->state : "open"; }
};

std::string letter_topic(const Context& context, const std::string& group) {
    return wire::dead_letter_topic(context.settings().topic_prefix, group);
}

std::string first_retry_topic(const Context& context, const std::string& group) {
    return wire::retry_topic(context.settings().topic_prefix, group, 1);
}

Cell or_nothing(const std::string& text) {
    return text.empty() ? Cell() : Cell(text);
}

DeadLetterFilter filter_of(const Context& context, const Arguments& arguments) {
    const auto now = activity::now();
    DeadLetterFilter filter;
    if (!arguments.reason.empty()) filter.reason = arguments.reason;
    if (!arguments.key.empty()) filter.key = arguments.key;
    if (!arguments.topic.empty()) filter.origin_topic = context.topic(arguments.topic);
    if (!arguments.since.empty()) filter.since = parse_time_option("--since", arguments.since, now);
    if (!arguments.until.empty()) filter.until = parse_time_option("--until", arguments.until, now);
    if (filter.since && filter.until && *filter.since >= *filter.until)
        throw UsageError("--since must lie before --until");
    return filter;
}

/// Every group that has a dead-letter topic; also one that this tool does not know, as an example's.
std::vector<std::string> groups_with_letters(const Context& context, wire::Admin& admin) {
    const auto& prefix = context.settings().topic_prefix;
    const auto suffix = wire::dead_letter_topic("", "");
    std::vector<std::string> groups;
    for (const auto& topic : admin.describe_cluster().topics) {
        if (topic.name.size() <= prefix.size() + suffix.size()) continue;
        if (!topic.name.starts_with(prefix) || !topic.name.ends_with(suffix)) continue;
        groups.push_back(topic.name.substr(prefix.size(), topic.name.size() - prefix.size() - suffix.size()));
    }
    return groups;
}

std::vector<std::string> chosen_groups(const Context& context, wire::Admin& admin, const std::string& named) {
    auto groups = groups_with_letters(context, admin);
    if (named.empty()) return groups;
    const auto group = context.short_group(named);
    if (std::ranges::count(groups, group) != 0) return {group};
    std::string list;
    for (const auto& known : groups) list += (list.empty() ? "" : ", ") + known;
    throw CommandError("there is no topic " + letter_topic(context, group) +
                       (list.empty() ? "; 'activityctl topics apply' creates it"
                                     : "; groups with dead letters' topics: " + list));
}

ShownRecord shown(const wire::InboundRecord& record) {
    return {record.topic(), record.partition(), record.offset(), record.timestamp_ms(),
            record.key(),   record.headers(),   record.value()};
}

/// What was done, by the place of the letter in its topic. Empty without a database: then all count as open.
std::map<DeadLetterId, Done> marks_of(const Context& context, const std::vector<std::string>& groups) {
    std::map<DeadLetterId, Done> marks;
    auto database = context.database();
    for (const auto& group : groups) {
        for (const auto& row :
             database.query("SELECT part, record_offset, state, note, "
                            "to_char(done_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
                            "FROM activity.dead_letter_done WHERE topic = $1",
                            {letter_topic(context, group)})) {
            marks[{group, static_cast<std::int32_t>(std::stol(row[0].value())), std::stoll(row[1].value())}] =
                {row[2].value(), row[3].value(), row[4].value()};
        }
    }
    return marks;
}

void add_marks(const Context& context, std::vector<Letter>& letters, const std::vector<std::string>& groups) {
    if (!context.has_database()) {
        std::cerr
            << "note: ACTIVITY_POSTGRES_URL is not set, so what was replayed or discarded is not known\n";
        return;
    }
    const auto marks = marks_of(context, groups);
    for (auto& letter : letters) {
        if (const auto mark = marks.find(letter.letter.id); mark != marks.end()) letter.done = mark->second;
    }
}

/// The letters that fit, in the order in which they were given up.
std::vector<Letter> find_letters(const Context& context, wire::Admin& admin,
                                 const std::vector<std::string>& groups, const DeadLetterFilter& filter) {
    std::vector<Letter> letters;
    for (const auto& group : groups) {
        auto ranges = whole_topics(admin, {letter_topic(context, group)});
        if (filter.since) {
            // A record is sent after the moment that its header names.
            std::vector<wire::TopicPartition> partitions;
            for (const auto& range : ranges) partitions.push_back(range.partition);
            const auto starts = admin.offsets_at(partitions, *filter.since);
            for (auto& range : ranges) range.from = std::max(range.from, starts.at(range.partition));
        }
        Progress progress("reading " + letter_topic(context, group), "records");
        scan(context, ranges, [&](const wire::InboundRecord& record) {
            auto letter = dead_letter_of(group, shown(record));
            if (filter.fits(letter)) letters.push_back({std::move(letter), std::nullopt});
            progress.add(1);
        });
    }
    add_marks(context, letters, groups);
    std::ranges::stable_sort(letters, [](const Letter& a, const Letter& b) {
        return std::tie(a.letter.at, a.letter.id) < std::tie(b.letter.at, b.letter.id);
    });
    return letters;
}

std::string key_text(const DeadLetter& letter, std::size_t characters_max) {
    if (!letter.key) return "-";
    if (!simdjson::validate_utf8(letter.key->data(), letter.key->size()))
        return "<" + std::to_string(letter.key->size()) + " bytes>";
    return printable(*letter.key, characters_max);
}

Table table_for_people(std::span<const Letter> letters, bool with_state) {
    std::vector<std::string> columns{"id", "given_up_at", "reason", "from", "attempts", "key", "detail"};
    if (with_state) columns.insert(columns.begin() + 1, "state");
    Table table(columns);
    for (const auto& [letter, done] : letters) {
        std::vector<Cell> cells{letter.id.text(),
                                time_to_the_second(letter.at),
                                or_nothing(letter.reason),
                                or_nothing(letter.origin_text()),
                                or_nothing(letter.attempts),
                                key_text(letter, key_characters),
                                or_nothing(printable(letter.detail, detail_characters))};
        if (with_state) cells.insert(cells.begin() + 1, done ? done->state : "open");
        table.add(std::move(cells));
    }
    return table;
}

Table table_for_scripts(std::span<const Letter> letters) {
    Table table({"id", "group", "state", "given_up_at", "reason", "detail", "origin_topic",
                 "origin_partition", "origin_offset", "attempts", "key", "note", "done_at"});
    for (const auto& entry : letters) {
        const auto& letter = entry.letter;
        const bool is_text = letter.key && simdjson::validate_utf8(letter.key->data(), letter.key->size());
        table.add({letter.id.text(), letter.id.group, entry.state(), format_timestamp(letter.at),
                   or_nothing(letter.reason), or_nothing(letter.detail),
                   letter.origin ? Cell(letter.origin->topic) : Cell(),
                   letter.origin ? Cell(std::int64_t{letter.origin->partition}) : Cell(),
                   letter.origin_offset ? Cell(*letter.origin_offset) : Cell(), or_nothing(letter.attempts),
                   is_text ? Cell(*letter.key) : Cell(), entry.done ? or_nothing(entry.done->note) : Cell(),
                   entry.done ? Cell(entry.done->at) : Cell()});
    }
    return table;
}

Table summary_of(std::span<const Letter> letters) {
    struct Line {
        std::int64_t open = 0;
        std::int64_t replayed = 0;
        std::int64_t discarded = 0;
        Timestamp first = Timestamp::max();
        Timestamp last = Timestamp::min();
        std::string example;
    };
    std::map<std::tuple<std::string, std::string, std::string>, Line> lines;
    for (const auto& entry : letters) {
        const auto& letter = entry.letter;
        auto& line = lines[{letter.id.group, letter.reason, letter.origin ? letter.origin->topic : ""}];
        ++(!entry.done ? line.open : entry.done->state == "replayed" ? line.replayed : line.discarded);
        line.first = std::min(line.first, letter.at);
        line.last = std::max(line.last, letter.at);
        line.example = letter.id.text();
    }
    Table table({"group", "reason", "from", "open", "replayed", "discarded", "first", "last", "newest"});
    for (const auto& [what, line] : lines) {
        const auto& [group, reason, topic] = what;
        table.add({group, or_nothing(reason), or_nothing(topic), line.open, line.replayed, line.discarded,
                   time_to_the_second(line.first), time_to_the_second(line.last), line.example});
    }
    return table;
}

int list(const Context& context, const Arguments& arguments) {
    catch_interrupts();
    const auto filter = filter_of(context, arguments);
    auto admin = context.admin();
    auto letters = find_letters(context, admin, chosen_groups(context, admin, arguments.group), filter);
    if (arguments.summary) {
        const auto table = summary_of(letters);
        if (context.format == Format::table && table.empty()) {
            std::cerr << "No dead letters.\n";
            return exit_ok;
        }
        table.write(std::cout, context.format);
        return exit_ok;
    }
    if (!arguments.all) std::erase_if(letters, [](const Letter& letter) { return letter.done.has_value(); });
    std::span<const Letter> shown(letters);
    std::size_t limit = static_cast<std::size_t>(arguments.limit);
    if (limit == 0) limit = context.format == Format::table ? shown_letters : letters.size();
    if (shown.size() > limit) shown = shown.last(limit);
    if (context.format != Format::table) {
        table_for_scripts(shown).write(std::cout, context.format);
        return exit_ok;
    }
    if (letters.empty()) {
        std::cerr << (arguments.all
                          ? "No dead letters.\n"
                          : "No open dead letters. --all shows those that were replayed or discarded.\n");
        return exit_ok;
    }
    table_for_people(shown, arguments.all).print(std::cout);
    if (shown.size() < letters.size()) {
        std::cerr << "These are the newest " << shown.size() << " of "
                  << grouped(static_cast<std::int64_t>(letters.size()))
                  << "; --summary counts all, --limit shows more.\n";
    }
    return exit_ok;
}

// --- show ---

void show_for_people(const Letter& entry, const ShownRecord& record) {
    const auto line = [](const std::string& name, const std::string& text) {
        std::cout << name << std::string(name.size() < 12 ? 12 - name.size() : 1, ' ')
                  << (text.empty() ? "-" : text) << '\n';
    };
    const auto& letter = entry.letter;
    line("id", letter.id.text());
    line("state", entry.done ? entry.done->state + " at " + entry.done->at +
                                   (entry.done->note.empty() ? "" : ": " + printable(entry.done->note))
                             : "open");
    line("given up at", format_timestamp(letter.at));
    line("reason", printable(letter.reason));
    line("detail", printable(letter.detail));
    line("from", printable(letter.origin_text()));
    line("attempts", printable(letter.attempts));
    line("key", key_text(letter, std::string::npos));
    std::string name = "headers";
    for (const auto& [header, value] : original_of(record, "").headers) {
        const bool is_text = simdjson::validate_utf8(value.data(), value.size());
        line(std::exchange(name, ""),
             printable(header) + " = " + (is_text ? printable(value) : "base64 " + base64(value)));
    }
    if (record.value.data() == nullptr) {
        line("value", "null (a tombstone)");
        return;
    }
    const bool is_text = simdjson::validate_utf8(record.value.data(), record.value.size());
    std::cout << "value       " << counted(static_cast<std::int64_t>(record.value.size()), "byte")
              << (is_text ? "" : ", not UTF-8, as base64") << ":\n"
              << (is_text ? printable(record.value) : base64(record.value)) << '\n';
}

void show_for_scripts(const Letter& entry, const ShownRecord& record) {
    // An array of one object; the record goes in before its closing brace.
    std::string out = table_for_scripts(std::span(&entry, 1)).json();
    const auto first = out.find('{');
    const auto last = out.rfind('}');
    std::string object = out.substr(first, last - first);
    object += ", \"record\": " + RecordText().json(record);
    if (object.ends_with('\n')) object.pop_back();
    std::cout << object << "}\n";
}

int show(const Context& context, const Arguments& arguments) {
    const auto id = parse_dead_letter_id(arguments.ids.at(0));
    auto admin = context.admin();
    const auto groups = chosen_groups(context, admin, id.group);
    const auto ranges = whole_topics(admin, {letter_topic(context, groups.at(0))});
    const auto range = std::ranges::find(
        ranges, id.partition, [](const OffsetRange& candidate) { return candidate.partition.partition; });
    if (range == ranges.end() || id.offset < range->from || id.offset >= range->end) {
        throw CommandError("there is no dead letter " + id.text() +
                           (range == ranges.end() || range->records() == 0
                                ? ""
                                : "; this partition has the offsets " + std::to_string(range->from) + " to " +
                                      std::to_string(range->end - 1)) +
                           "; 'activityctl dlq list --group " + id.group + "' shows what there is");
    }
    catch_interrupts();
    scan(context, {{range->partition, id.offset, id.offset + 1}}, [&](const wire::InboundRecord& record) {
        const auto as_shown = shown(record);
        if (arguments.raw) {
            std::cout << record.value();
            return;
        }
        std::vector<Letter> one{{dead_letter_of(groups[0], as_shown), std::nullopt}};
        add_marks(context, one, groups);
        if (context.json) {
            show_for_scripts(one[0], as_shown);
        } else {
            show_for_people(one[0], as_shown);
        }
    });
    return exit_ok;
}

// --- replay, discard ---

/// Those that are meant and were not dealt with yet. Says what it leaves out.
std::vector<Letter> choose(const Context& context, wire::Admin& admin, const Arguments& arguments) {
    if (arguments.ids.empty() == arguments.group.empty())
        throw UsageError(
            "say which: their IDs as 'activityctl dlq list' shows them, or --group with filters");
    std::vector<Letter> letters;
    if (arguments.ids.empty()) {
        letters = find_letters(context, admin, chosen_groups(context, admin, arguments.group),
                               filter_of(context, arguments));
    } else {
        std::set<DeadLetterId> ids;
        std::set<std::string> groups;
        for (const auto& text : arguments.ids) {
            auto id = parse_dead_letter_id(text);
            id.group = chosen_groups(context, admin, id.group).at(0);
            groups.insert(id.group);
            ids.insert(std::move(id));
        }
        letters = find_letters(context, admin, {groups.begin(), groups.end()}, {});
        std::erase_if(letters, [&](const Letter& letter) { return !ids.contains(letter.letter.id); });
        for (const auto& letter : letters) ids.erase(letter.letter.id);
        if (!ids.empty()) {
            throw CommandError("there is no dead letter " + ids.begin()->text() +
                               "; 'activityctl dlq list' shows what there is");
        }
    }
    if (arguments.again) return letters;
    std::int64_t left_out = 0;
    for (const auto& letter : letters) {
        if (letter.done && ++left_out <= 3 && !arguments.ids.empty())
            std::cerr << letter.letter.id.text() << " was " << letter.done->state << " at " << letter.done->at
                      << '\n';
    }
    std::erase_if(letters, [](const Letter& letter) { return letter.done.has_value(); });
    if (left_out > 0)
        std::cerr << counted(left_out, "dead letter")
                  << " left out: dealt with before (--again takes them too)\n";
    return letters;
}

/// Asks unless one single letter was named, or --yes.
bool may_go_on(const Arguments& arguments, const std::vector<Letter>& letters, const std::string& doing) {
    if (arguments.yes || (arguments.ids.size() == 1 && letters.size() == 1)) return true;
    const auto count = std::to_string(letters.size());
    return confirmed(counted(static_cast<std::int64_t>(letters.size()), "dead letter") + " will be " + doing +
                         ". (--dry-run shows them.)",
                     count);
}

void mark(Database& database, const Context& context, std::span<const DeadLetterId> ids,
          const std::string& state, const std::string& note) {
    std::map<std::string, std::pair<std::string, std::string>> by_topic;
    for (const auto& id : ids) {
        auto& [parts, offsets] = by_topic[letter_topic(context, id.group)];
        parts += (parts.empty() ? "{" : ",") + std::to_string(id.partition);
        offsets += (offsets.empty() ? "{" : ",") + std::to_string(id.offset);
    }
    for (const auto& [topic, places] : by_topic) {
        database.query(
            "INSERT INTO activity.dead_letter_done AS done (topic, part, record_offset, state, note) "
            "SELECT $1, letter.part, letter.record_offset, $4, $5 "
            "FROM unnest($2::integer[], $3::bigint[]) AS letter (part, record_offset) "
            "ON CONFLICT (topic, part, record_offset) "
            "DO UPDATE SET state = excluded.state, note = coalesce(nullif(excluded.note, ''), done.note), "
            "done_by = excluded.done_by, "
            "done_at = excluded.done_at",
            {topic, places.first + "}", places.second + "}", state, note});
    }
}

void dry_run(const Context& context, const std::vector<Letter>& letters, const std::string& doing) {
    if (context.json) {
        table_for_scripts(letters).write(std::cout, Format::json);
        return;
    }
    if (!letters.empty()) table_for_people(letters, true).print(std::cout);
    std::cerr << "Dry run: " << counted(static_cast<std::int64_t>(letters.size()), "dead letter")
              << " would be " << doing << ".\n";
}

/// The letters with their bytes, from Kafka once more; sent, delivered, then marked, in chunks.
class Replay {
  public:
    Replay(const Context& context, const Arguments& arguments, Database& database)
        : context_(context), arguments_(arguments), database_(database), sender_(context.cluster()) {}

    std::int64_t run(wire::Admin& admin, const std::vector<Letter>& letters) {
        std::map<wire::TopicPartition, OffsetRange> ranges;
        std::map<std::string, std::string> groups;
        for (const auto& [letter, _] : letters) {
            wanted_.insert(letter.id);
            const wire::TopicPartition partition{letter_topic(context_, letter.id.group),
                                                 letter.id.partition};
            groups[partition.topic] = letter.id.group;
            auto& range =
                ranges.try_emplace(partition, OffsetRange{partition, letter.id.offset, 0}).first->second;
            range.from = std::min(range.from, letter.id.offset);
            range.end = std::max(range.end, letter.id.offset + 1);
        }
        for (const auto& [_, group] : groups) require_retry_line(admin, group);
        std::vector<OffsetRange> list;
        for (const auto& [_, range] : ranges) list.push_back(range);
        Progress progress("replaying", "dead letters", static_cast<std::int64_t>(letters.size()));
        scan(context_, list, [&](const wire::InboundRecord& record) {
            const auto as_shown = shown(record);
            const auto& group = groups.at(std::string(record.topic()));
            DeadLetterId id{group, record.partition(), record.offset()};
            if (!wanted_.contains(id)) return;
            sender_.send(replay_of(as_shown, first_retry_topic(context_, group)));
            sent_.push_back(std::move(id));
            progress.add(1);
            if (sent_.size() >= chunk_letters) settle();
        });
        settle();
        return done_;
    }

    std::int64_t done() const { return done_; }

  private:
    void require_retry_line(wire::Admin& admin, const std::string& group) const {
        if (!admin.describe_topic(first_retry_topic(context_, group))) {
            throw CommandError("there is no topic " + first_retry_topic(context_, group) +
                               ", which replayed records go to; 'activityctl topics apply' creates it");
        }
    }

    void settle() {
        sender_.await_delivery();
        mark(database_, context_, sent_, "replayed", arguments_.note);
        done_ += static_cast<std::int64_t>(sent_.size());
        sent_.clear();
    }

    const Context& context_;
    const Arguments& arguments_;
    Database& database_;
    RecordSender sender_;
    std::set<DeadLetterId> wanted_;
    std::vector<DeadLetterId> sent_;  ///< and not marked yet
    std::int64_t done_ = 0;
};

int replay(const Context& context, const Arguments& arguments) {
    catch_interrupts();
    auto database = context.database();
    auto admin = context.admin();
    const auto letters = choose(context, admin, arguments);
    if (arguments.dry_run) {
        dry_run(context, letters, "replayed");
        return exit_ok;
    }
    if (letters.empty()) {
        std::cout << "nothing to replay\n";
        return exit_ok;
    }
    if (!may_go_on(arguments, letters, "replayed")) {
        std::cerr << "Nothing was replayed.\n";
        return exit_failed;
    }
    Replay replay(context, arguments, database);
    try {
        const auto done = replay.run(admin, letters);
        std::cout << counted(done, "dead letter") << " replayed: sent to the group's own retry line\n";
        const auto gone = static_cast<std::int64_t>(letters.size()) - done;
        if (gone > 0)
            std::cerr << counted(gone, "dead letter") << " could not be: Kafka has deleted them meanwhile\n";
        return gone > 0 ? exit_failed : exit_ok;
    } catch (const std::exception&) {
        std::cerr << counted(replay.done(), "dead letter")
                  << " replayed and marked; the same command goes on behind them.\n";
        throw;
    }
}

int discard(const Context& context, const Arguments& arguments) {
    catch_interrupts();
    auto database = context.database();
    auto admin = context.admin();
    const auto letters = choose(context, admin, arguments);
    if (arguments.dry_run) {
        dry_run(context, letters, "discarded");
        return exit_ok;
    }
    if (letters.empty()) {
        std::cout << "nothing to discard\n";
        return exit_ok;
    }
    if (!may_go_on(arguments, letters, "discarded")) {
        std::cerr << "Nothing was discarded.\n";
        return exit_failed;
    }
    std::vector<DeadLetterId> ids;
    for (const auto& [letter, _] : letters) ids.push_back(letter.id);
    mark(database, context, ids, "discarded", arguments.note);
    std::cout << counted(static_cast<std::int64_t>(ids.size()), "dead letter")
              << " discarded: no longer open; their records stay in Kafka until its retention ends\n";
    return exit_ok;
}

void add_filter(CLI::App& command, const std::shared_ptr<Arguments>& arguments) {
    command.add_option("--group", arguments->group, "Worker group, such as records");
    command.add_option("--reason", arguments->reason, "Why it was given up, such as database or bad_json");
    command.add_option("--key", arguments->key, "Key of the record: <source>/<learner>");
    command.add_option("--topic", arguments->topic, "Topic that it came from, with or without the prefix");
    command.add_option("--since", arguments->since,
                       "Given up then or later: 2026-11-21T14:28:00Z, 2026-11-21, or 2h for two hours ago");
    command.add_option("--until", arguments->until, "Given up before then");
}

}  // namespace

void add_dlq(CLI::App& app, Context& context) {
    auto& group = *app.add_subcommand(
        "dlq", "Dead letters, the records that a worker group gave up: list, show, replay, discard");
    group.require_subcommand(1);
    group.footer(
        "Examples:\n"
        "  activityctl dlq list --summary\n"
        "  activityctl dlq list --group records --reason database --since 2h\n"
        "  activityctl dlq show records/0/17\n"
        "  activityctl dlq replay --group records --reason database --dry-run\n"
        "  activityctl dlq discard records/0/17 --note 'test data of the new app'");
    const auto arguments = std::make_shared<Arguments>();

    auto& listing = *group.add_subcommand("list", "List the open ones");
    add_filter(listing, arguments);
    listing.add_flag("--all", arguments->all, "Those that were replayed or discarded too");
    auto* summary =
        listing.add_flag("--summary", arguments->summary, "Only how many, by group, reason and topic");
    listing.add_option("--limit", arguments->limit, "The newest N (default: 100 in a table, else all)")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}))
        ->excludes(summary);
    add_format(listing, context);
    add_exact(listing, context);
    add_timeout(listing, context);
    on_run(listing, context, [&context, arguments] { return list(context, *arguments); });

    auto& showing = *group.add_subcommand("show", "Show one: why, where from, headers, original bytes");
    showing.add_option("id", arguments->ids, "As list shows it, such as records/0/17")
        ->required()
        ->expected(1);
    auto* raw = showing.add_flag("--raw", arguments->raw, "Only the original bytes of its value");
    showing.add_flag("--json", context.json, "JSON on stdout, for scripts")->excludes(raw);
    add_timeout(showing, context);
    on_run(showing, context, [&context, arguments] { return show(context, *arguments); });

    const auto add_choice = [&](CLI::App& command) {
        command.add_option("id", arguments->ids,
                           "As list shows them, such as records/0/17; or use the filters");
        add_filter(command, arguments);
        command.add_flag("--again", arguments->again, "Even those that were replayed or discarded before");
        command.add_flag("--dry-run", arguments->dry_run, "Only show which ones");
        command.add_flag("--yes", arguments->yes, "Do not ask");
        command.add_flag("--json", context.json, "With --dry-run: JSON on stdout");
        add_exact(command, context);
        add_timeout(command, context);
    };
    auto& replaying = *group.add_subcommand(
        "replay", "Give them to their group again: key, bytes and headers as they came");
    add_choice(replaying);
    replaying.add_option("--note", arguments->note, "Kept with the mark: what was mended");
    replaying.footer(
        "Only the group itself sees a replayed record: it goes to the group's retry topic. Applied before, "
        "it has no\n"
        "effect (the group knows its message ID); failing again, it comes back as a new dead letter.");
    on_run(replaying, context, [&context, arguments] { return replay(context, *arguments); });

    auto& discarding = *group.add_subcommand("discard", "Mark them as dealt with; nothing is deleted");
    add_choice(discarding);
    discarding.add_option("--note", arguments->note, "Why; kept with the mark")->required();
    on_run(discarding, context, [&context, arguments] { return discard(context, *arguments); });
}

}  // namespace activity::ctl::commands
