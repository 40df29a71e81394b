#include <algorithm>
#include <iostream>
#include <memory>
#include <set>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/dead_letter.h"
#include "deploy/activityctl/gap.h"
#include "deploy/activityctl/group_tables.h"
#include "deploy/activityctl/progress.h"
#include "deploy/activityctl/record_scan.h"
#include "deploy/activityctl/record_sender.h"
#include "deploy/activityctl/start_position.h"
#include "deploy/activityctl/stored_offsets.h"
#include "deploy/activityctl/table.h"
#include "deploy/activityctl/terminal.h"
#include "deploy/activityctl/time_option.h"
#include "deploy/activityctl/tries.h"
#include "schemas/wire/group_topics.h"

namespace activity::ctl::commands {
namespace {

struct Arguments {
    std::string group;
    std::string from;
    std::vector<std::string> topics;
    int partition = -1;
    std::string key;
    bool fresh = false;
    bool accept_loss = false;
    bool dry_run = false;
    bool yes = false;
};

/// What is known of the group before anything is changed.
struct Position {
    StoredOffset stored;
    wire::Watermarks marks;
};
using Positions = std::map<wire::TopicPartition, Position>;

StartPosition start_of(const std::string& text) {
    const bool is_offset =
        std::ranges::all_of(text, [](char letter) { return letter >= '0' && letter <= '9'; });
    if (text == "beginning" || (is_offset && !text.empty())) return parse_start_position(text);
    return FromTime{parse_time_option("--from", text, now())};
}

/// Where the group stands in each partition that it has read of, as far as the topics are still there.
Positions positions_of(const Context& context, wire::Admin& admin, Database& database,
                       const std::string& group) {
    const auto stored = load_stored_offsets(database);
    const auto of_group = stored.find(context.worker_group(group));
    if (of_group == stored.end()) {
        std::string list;
        for (const auto& [known, _] : stored) list += "\n  " + context.short_group(known);
        throw CommandError("the group " + group + " has read nothing yet" +
                           (list.empty() ? "" : "; groups that have:" + list));
    }
    std::vector<wire::TopicPartition> present;
    for (const auto& topic : admin.describe_cluster().topics) {
        for (const auto& partition : topic.partitions) {
            const wire::TopicPartition key{topic.name, partition.partition};
            if (!of_group->second.contains(key)) continue;
            if (partition.leader < 0)
                throw CommandError(partition_text(key) + " has no leader; wait until Kafka is well again");
            present.push_back(key);
        }
    }
    Positions positions;
    for (const auto& [partition, marks] : admin.watermarks(present))
        positions[partition] = {of_group->second.at(partition), marks};
    return positions;
}

/// Those that the command line names.
Positions chosen(const Context& context, const Arguments& arguments, const Positions& all,
                 const std::string& group) {
    std::set<std::string> topics;
    for (const auto& name : arguments.topics) topics.insert(context.topic(name));
    Positions positions;
    for (const auto& [partition, position] : all) {
        if (arguments.partition >= 0 && partition.partition != arguments.partition) continue;
        if (!topics.empty() && !topics.contains(partition.topic)) continue;
        positions[partition] = position;
    }
    if (positions.empty()) {
        std::set<std::string> known;
        for (const auto& [partition, _] : all) known.insert(partition.topic);
        std::string list;
        for (const auto& topic : known) list += "\n  " + topic;
        throw CommandError("the group " + group + " has read nothing of these; it reads:" + list);
    }
    return positions;
}

/// Back to where --from lies; never forward, which would skip records.
std::vector<OffsetMove> moves_back(wire::Admin& admin, const Positions& positions,
                                   const StartPosition& start) {
    std::vector<wire::TopicPartition> partitions;
    for (const auto& [partition, _] : positions) partitions.push_back(partition);
    std::map<wire::TopicPartition, std::int64_t> by_time;
    if (const auto* time = std::get_if<FromTime>(&start)) by_time = admin.offsets_at(partitions, time->time);
    std::vector<OffsetMove> moves;
    for (const auto& [partition, position] : positions) {
        std::int64_t to = position.marks.oldest;
        if (const auto* offset = std::get_if<FromOffset>(&start)) {
            if (offset->offset < to && position.stored.next > to) {
                std::cerr << partition_text(partition) << ": Kafka's oldest record has offset " << to
                          << "; it is read from there\n";
            }
            to = std::max(to, offset->offset);
        } else if (!by_time.empty()) {
            to = by_time.at(partition);
        }
        if (to < position.stored.next) moves.push_back({partition, position.stored.next, to});
    }
    return moves;
}

std::int64_t records_of(const std::vector<OffsetMove>& moves) {
    std::int64_t records = 0;
    for (const auto& move : moves) records += move.from - move.to;
    return records;
}

void show(const Context& context, const std::vector<OffsetMove>& moves) {
    Table table({"topic", "partition", "next_now", "next_then", "records"});
    for (const auto& move : moves) {
        table.add({move.partition.topic, std::int64_t{move.partition.partition}, move.from, move.to,
                   move.from - move.to});
    }
    table.write(std::cout, context.format);
}

template <typename Work>
auto change(Database& database, const std::string& group, Work&& work) {
    try {
        return with_tries(database, std::forward<Work>(work));
    } catch (const DatabaseError& error) {
        if (!is_in_the_way(error)) throw;
        throw CommandError("others hold what the group " + group +
                           " writes to, and did not let go; nothing was changed. Try again, or stop its "
                           "workers first");
    }
}

int go_back(const Context& context, const Arguments& arguments, const std::string& group) {
    const auto start = start_of(arguments.from);
    auto admin = context.admin();
    auto database = context.database();
    const auto positions = chosen(context, arguments, positions_of(context, admin, database, group), group);
    const auto moves = moves_back(admin, positions, start);
    const auto records = records_of(moves);
    if (arguments.dry_run) {
        show(context, moves);
        std::cerr << "Dry run: the group " << group << " would read " << counted(records, "record")
                  << " again.\n";
        return exit_ok;
    }
    if (moves.empty()) {
        std::cout << "nothing to read again: the group " << group << " stands before --from everywhere\n";
        return exit_ok;
    }
    const auto question =
        "The group " + group + " will read " + counted(records, "record") + " of " +
        counted(static_cast<std::int64_t>(moves.size()), "partition") +
        " again. What it has applied has no second effect. (--dry-run shows the partitions.)";
    if (!arguments.yes && !confirmed(question, group)) {
        std::cerr << "Nothing was changed.\n";
        return exit_failed;
    }
    const auto moved = change(database, group, [&](Database::Transaction& transaction) {
        return move_offsets(transaction, context.worker_group(group), moves, true);
    });
    std::cout << "the group " << group << " reads " << counted(records, "record") << " of "
              << counted(moved, "partition") << " again; 'activityctl lag --group " << group
              << "' shows how far it is\n";
    return exit_ok;
}

// --- --key ---

int send_again(const Context& context, const Arguments& arguments, const std::string& group) {
    const auto start = start_of(arguments.from);
    const auto line = wire::retry_topic(context.settings().topic_prefix, group, 1);
    auto admin = context.admin();
    auto database = context.database();
    if (!admin.describe_topic(line)) {
        throw CommandError("there is no topic " + line +
                           ", which the records of one key go to; 'activityctl topics apply' creates it");
    }
    const auto positions = chosen(context, arguments, positions_of(context, admin, database, group), group);
    std::vector<OffsetRange> ranges;
    for (const auto& move : moves_back(admin, positions, start)) {
        const auto end = std::min(move.from, positions.at(move.partition).marks.next);
        ranges.push_back({move.partition, std::max(move.to, positions.at(move.partition).marks.oldest), end});
    }
    std::int64_t total = 0;
    for (const auto& range : ranges) total += range.records();
    const auto each = [&](const std::string& doing,
                          const std::function<void(const wire::InboundRecord&)>& take) {
        Progress progress(doing, "records", total);
        scan(context, ranges, [&](const wire::InboundRecord& record) {
            if (record.key() == arguments.key) take(record);
            progress.add(1);
        });
    };
    std::int64_t found = 0;
    if (arguments.dry_run || !arguments.yes) {
        each("looking for " + printable(arguments.key, 40), [&](const auto&) { ++found; });
        if (arguments.dry_run) {
            std::cerr << "Dry run: " << counted(found, "record") << " of " << printable(arguments.key)
                      << " would go to " << line << ".\n";
            return exit_ok;
        }
        if (found == 0) {
            std::cout << "nothing to send: no record of " << printable(arguments.key) << " since then\n";
            return exit_ok;
        }
        if (!confirmed(counted(found, "record") + " of " + printable(arguments.key) +
                           " will go to the group " + group +
                           " once more. What it has applied has no second effect.",
                       group)) {
            std::cerr << "Nothing was sent.\n";
            return exit_failed;
        }
    }
    RecordSender sender(context.cluster());
    std::int64_t sent = 0;
    each("sending again", [&](const wire::InboundRecord& record) {
        sender.send(retry_of({record.topic(), record.partition(), record.offset(), record.timestamp_ms(),
                              record.key(), record.headers(), record.value()},
                             line));
        ++sent;
    });
    sender.await_delivery();
    std::cout << counted(sent, "record") << " of " << printable(arguments.key) << " sent to " << line
              << ", which only the group " << group << " reads\n";
    return exit_ok;
}

// --- --fresh ---

/// Everything that the group has written, the set of messages that it has seen among it.
std::string joined(const std::vector<std::string>& items) {
    std::string text;
    for (const auto& item : items) text += (text.empty() ? "" : ", ") + item;
    return text;
}

std::vector<GroupTable> tables_of(Database::Transaction& transaction, const std::string& group) {
    auto tables = group_tables(transaction, group);
    if (tables.empty()) {
        throw CommandError(
            "the group " + group +
            " has no tables in activity.group_table, so nobody knows what to empty; its migration must "
            "register them");
    }
    return tables;
}

std::vector<std::string> names(const std::vector<GroupTable>& tables) {
    std::vector<std::string> all;
    for (const auto& table : tables) all.push_back(table.table);
    return all;
}

/// All at once, but for what they keep.
void empty(Database::Transaction& transaction, std::vector<GroupTable> tables) {
    for (const auto& table : tables) {
        if (!table.keeps.empty())
            transaction.query("DELETE FROM " + table.table + " WHERE (" + table.keeps + ") IS NOT TRUE");
    }
    std::erase_if(tables, [](const GroupTable& table) { return !table.keeps.empty(); });
    if (!tables.empty()) transaction.query("TRUNCATE " + joined(names(tables)));
}

void refuse_loss(const Positions& positions, const std::string& group) {
    std::string list;
    std::int64_t lost = 0;
    for (const auto& [partition, position] : positions) {
        if (position.marks.oldest == 0) continue;
        lost += position.marks.oldest;
        list +=
            "\n  " + partition_text(partition) + "  from " + std::to_string(position.marks.oldest) + " on";
    }
    if (list.empty()) return;
    throw CommandError("Kafka no longer has the first " + counted(lost, "record") + " of what the group " +
                       group + " has read; a fresh start would lose what came of them:" + list +
                       "\nWithout --fresh nothing is lost. --accept-loss starts afresh all the same.");
}

int start_afresh(const Context& context, const Arguments& arguments, const std::string& group) {
    auto admin = context.admin();
    auto database = context.database();
    const auto positions = positions_of(context, admin, database, group);
    if (!arguments.accept_loss) refuse_loss(positions, group);
    std::vector<OffsetMove> moves;
    std::int64_t records = 0;
    for (const auto& [partition, position] : positions) {
        moves.push_back({partition, position.stored.next, position.marks.oldest});
        records += position.marks.next - position.marks.oldest;
    }
    const auto tables = [&] {
        auto transaction = database.begin();
        return tables_of(transaction, group);
    }();
    const auto what =
        "empties " + joined(names(tables)) + " and reads " + counted(records, "record") + " again";
    if (arguments.dry_run) {
        std::cerr << "Dry run: a fresh start " << what << ".\n";
        return exit_ok;
    }
    if (!arguments.yes && !confirmed("A fresh start of the group " + group + " " + what +
                                         ". Until that is done its answers are incomplete.",
                                     group)) {
        std::cerr << "Nothing was changed.\n";
        return exit_failed;
    }
    change(database, group, [&](Database::Transaction& transaction) {
        // The rows that a worker's fence needs come first, its lanes' and retries' too: a batch that has them
        // is in, one that comes later waits, and of the main lane it is dropped. Then the tables: a partition
        // that the group has only just claimed has a row that we did not see, but nothing of it can be
        // written from here on, so it is set back as well.
        const auto id = context.worker_group(group);
        transaction.query(
            "SELECT 1 FROM activity.part_offset WHERE grp IN ($1, $1 || '.retry', $1 || '.newest') "
            "ORDER BY grp, topic, part FOR UPDATE",
            {id});
        empty(transaction, tables);
        // It has forgotten nothing of what it is going to apply.
        transaction.query("UPDATE activity.worker_group SET dedupe_from = NULL WHERE name = $1", {group});
        auto all = moves;
        for (const auto& row : transaction.query(
                 "SELECT topic, part FROM activity.part_offset WHERE grp = $1 FOR UPDATE", {id})) {
            const wire::TopicPartition partition{row[0].value(),
                                                 static_cast<std::int32_t>(std::stol(row[1].value()))};
            if (positions.contains(partition)) continue;
            const auto topic = admin.describe_topic(partition.topic);
            if (!topic || partition.partition >= static_cast<std::int32_t>(topic->partitions.size()))
                continue;
            all.push_back({partition, 0, admin.watermarks({partition}).at(partition).oldest});
        }
        // Also where it stands at its first record already: the epoch must change.
        transaction.query("UPDATE activity.part_offset SET epoch = epoch + 1 WHERE grp = $1 RETURNING part",
                          {id});
        return move_offsets(transaction, id, all, true);
    });
    std::cout << "emptied " << joined(names(tables)) << "; the group " << group << " reads "
              << counted(records, "record") << " from the beginning\n";
    return exit_ok;
}

int replay(const Context& context, const Arguments& arguments) {
    const auto group = context.short_group(arguments.group);
    catch_interrupts();
    if (arguments.fresh) {
        if (!arguments.key.empty() || !arguments.from.empty() || !arguments.topics.empty() ||
            arguments.partition >= 0)
            throw UsageError(
                "--fresh reads everything again; --from, --key, --topic and --partition don't go with it");
        return start_afresh(context, arguments, group);
    }
    if (arguments.from.empty())
        throw UsageError("--from is required: a time, an offset or beginning; or --fresh");
    return arguments.key.empty() ? go_back(context, arguments, group) : send_again(context, arguments, group);
}

}  // namespace

void add_replay(CLI::App& app, Context& context) {
    auto& command =
        *app.add_subcommand("replay", "Let a worker group read again, from a time, an offset or afresh");
    const auto arguments = std::make_shared<Arguments>();
    command.add_option("--group", arguments->group, "Worker group, such as records")->required();
    command.add_option(
        "--from", arguments->from,
        "beginning, a time (2026-11-21T14:28:00Z, 2026-11-21, 2h for two hours ago; by Kafka's "
        "timestamps) or an offset");
    command
        .add_option("--topic", arguments->topics,
                    "Only this topic; may be given again (default: all it reads)")
        ->take_all();
    command.add_option("--partition", arguments->partition, "Only this partition")
        ->check(CLI::Range(0, 100'000));
    command.add_option(
        "--key", arguments->key,
        "Only records of this key (<source>/<learner>): they are sent to the group's retry topic, and "
        "the group itself stays where it is");
    command.add_flag("--fresh", arguments->fresh,
                     "Empty the group's tables and read everything that Kafka has, in one transaction");
    command.add_flag("--accept-loss", arguments->accept_loss,
                     "With --fresh: even where Kafka no longer has the first records");
    command.add_flag("--dry-run", arguments->dry_run, "Only say what would be read");
    command.add_flag("--yes", arguments->yes, "Do not ask");
    add_format(command, context);
    add_exact(command, context);
    add_timeout(command, context);
    command.footer(
        "What the group has applied has no second effect: it knows the message IDs. Running workers may "
        "stay; they\n"
        "drop what is in hand and go on from there. A group never moves forward by this: see activityctl "
        "gaps.\n"
        "Examples:\n"
        "  activityctl replay --group records --from 2h --dry-run\n"
        "  activityctl replay --group rollups --from 2026-11-21T14:00:00Z --topic live-class\n"
        "  activityctl replay --group sessions --from beginning --key web/u1\n"
        "  activityctl replay --group rollups --fresh");
    on_run(command, context, [&context, arguments] { return replay(context, *arguments); });
}

}  // namespace activity::ctl::commands
