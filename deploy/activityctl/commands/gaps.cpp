#include <algorithm>
#include <iostream>
#include <memory>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/gap.h"
#include "deploy/activityctl/progress.h"
#include "deploy/activityctl/stored_offsets.h"
#include "deploy/activityctl/table.h"
#include "deploy/activityctl/terminal.h"

namespace activity::ctl::commands {
namespace {

struct Arguments {
    std::string group;
    std::string partition;
    std::string note;
    std::int64_t to = -1;
    bool accepted = false;
    bool yes = false;
};

/// Of all partitions that have a leader, and of those only.
std::map<wire::TopicPartition, wire::Watermarks> marks_of(
    wire::Admin& admin, const std::map<wire::TopicPartition, StoredOffset>& wanted) {
    std::vector<wire::TopicPartition> present;
    for (const auto& topic : admin.describe_cluster().topics) {
        for (const auto& partition : topic.partitions) {
            const wire::TopicPartition key{topic.name, partition.partition};
            if (partition.leader >= 0 && wanted.contains(key)) present.push_back(key);
        }
    }
    return admin.watermarks(present);
}

const char* word(Gap::Kind kind) {
    return kind == Gap::Kind::deleted ? "deleted" : "beyond_end";
}

/// As somebody would type it.
std::string accept_command(const Context& context, const Gap& gap) {
    return "activityctl gaps accept --group " + context.short_group(gap.group) + " --partition '" +
           partition_text(gap.partition) + "'" + (gap.kind == Gap::Kind::beyond_end ? " --to OFFSET" : "") +
           " --note '…'";
}

int list_accepted(const Context& context) {
    auto database = context.database();
    Table table({"accepted_at", "group", "topic", "partition", "from", "to", "records", "by", "note"});
    for (const auto& row : database.query(
             "SELECT to_char(accepted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), grp, topic, "
             "part, "
             "from_offset, to_offset, accepted_by, note FROM activity.accepted_gap ORDER BY accepted_at")) {
        const auto from = std::stoll(row[4].value());
        const auto to = std::stoll(row[5].value());
        table.add({row[0].value(), row[1].value(), row[2].value(), std::int64_t{std::stol(row[3].value())},
                   std::int64_t{from}, std::int64_t{to}, std::int64_t{to > from ? to - from : 0},
                   row[6].value(), row[7].value_or("")});
    }
    if (context.format == Format::table && table.empty()) {
        std::cerr << "No gap was ever accepted.\n";
        return exit_ok;
    }
    table.write(std::cout, context.format);
    return exit_ok;
}

int list(const Context& context, const Arguments& arguments) {
    if (arguments.accepted) return list_accepted(context);
    auto admin = context.admin();
    auto database = context.database();
    std::vector<Gap> gaps;
    for (const auto& [group, stored] : load_stored_offsets(database)) {
        // What lies behind a lane that only reads the newest is the main lane's business.
        if (group.ends_with(".newest")) continue;
        if (!arguments.group.empty() && group != context.worker_group(context.short_group(arguments.group)))
            continue;
        std::ranges::move(find_gaps(group, stored, marks_of(admin, stored)), std::back_inserter(gaps));
    }
    Table table({"group", "topic", "partition", "why", "from", "to", "records", "stored_at"});
    for (const auto& gap : gaps) {
        table.add({gap.group, gap.partition.topic, std::int64_t{gap.partition.partition}, word(gap.kind),
                   gap.from, gap.to, gap.records(), gap.stored_at});
    }
    if (context.format != Format::table) {
        table.write(std::cout, context.format);
        return exit_ok;
    }
    if (gaps.empty()) {
        std::cerr << "No gaps: Kafka still has all that the groups need.\n";
        return exit_ok;
    }
    table.print(std::cout);
    std::cout << "\ndeleted:    Kafka's retention took these records before the group had them. They are "
                 "lost for it,\n"
                 "            unless a backup of Kafka has them.\n"
                 "beyond_end: the group is further than the topic. Was the topic made anew, or the cluster "
                 "restored?\n"
                 "The workers hold these partitions until somebody accepts:\n";
    for (const auto& gap : gaps) std::cout << "  " << accept_command(context, gap) << '\n';
    return exit_ok;
}

int accept(const Context& context, const Arguments& arguments) {
    auto partition = parse_partition("--partition", arguments.partition);
    partition.topic = context.topic(partition.topic);
    const auto group = context.worker_group(context.short_group(arguments.group));
    auto database = context.database();
    const auto stored = load_stored_offsets(database);
    const auto of_group = stored.find(group);
    if (of_group == stored.end()) {
        std::string list;
        for (const auto& [known, _] : stored) list += "\n  " + known;
        throw CommandError("there is no group " + group + (list.empty() ? "" : "; there are:" + list));
    }
    auto admin = context.admin();
    const auto marks = marks_of(admin, of_group->second);
    const auto gaps = find_gaps(group, of_group->second, marks);
    const auto gap = std::ranges::find(gaps, partition, &Gap::partition);
    if (gap == gaps.end()) {
        throw CommandError(group + " has no gap in " + partition_text(partition) +
                           "; 'activityctl gaps list' shows those that there are");
    }
    const auto& [oldest, end] = marks.at(partition);
    const auto next = of_group->second.at(partition).next;
    if (gap->kind == Gap::Kind::beyond_end && arguments.to < 0) {
        throw UsageError(partition_text(partition) + " ends at offset " + std::to_string(end) +
                         " in Kafka; --to must say where the group shall go on: " + std::to_string(oldest) +
                         " reads all that is there, " + std::to_string(end) + " only what is to come");
    }
    const auto to = arguments.to < 0 ? oldest : arguments.to;
    if (to < oldest || to > end) {
        throw UsageError("--to must be an offset from " + std::to_string(oldest) + " to " +
                         std::to_string(end) + ", which is what Kafka has of " + partition_text(partition));
    }
    const auto what = gap->kind == Gap::Kind::deleted
                          ? counted(to - next, "record") + " of " + partition_text(partition) + " (offsets " +
                                std::to_string(next) + " to " + std::to_string(to - 1) +
                                ") will be missing from " + group + " for good."
                          : group + " will go on at offset " + std::to_string(to) + " of " +
                                partition_text(partition) + " instead of " + std::to_string(next) + ".";
    if (!arguments.yes && !confirmed(what, partition_text(partition))) {
        std::cerr << "Nothing was accepted.\n";
        return exit_failed;
    }
    auto transaction = database.begin();
    transaction.query("SET LOCAL lock_timeout = '30s'");
    if (move_offsets(transaction, group, {{partition, next, to}}, false) != 1) {
        throw CommandError(
            "the group has moved meanwhile; nothing was accepted. Look again: activityctl gaps list");
    }
    transaction.query(
        "INSERT INTO activity.accepted_gap (grp, topic, part, from_offset, to_offset, note) VALUES ($1, $2, "
        "$3, $4, "
        "$5, $6)",
        {group, partition.topic, std::to_string(partition.partition), std::to_string(next),
         std::to_string(to), arguments.note});
    transaction.commit();
    std::cout << "accepted; " << group << " goes on at offset " << to << " of " << partition_text(partition)
              << " within seconds\n";
    return exit_ok;
}

}  // namespace

void add_gaps(CLI::App& app, Context& context) {
    auto& group = *app.add_subcommand(
        "gaps", "Partitions that workers hold, because Kafka lacks what comes next: list, accept");
    group.require_subcommand(1);
    group.footer(
        "Examples:\n"
        "  activityctl gaps list\n"
        "  activityctl gaps accept --group records --partition 'live-class[3]' --note 'outage of 21 "
        "November'\n"
        "  activityctl gaps list --accepted");
    const auto arguments = std::make_shared<Arguments>();

    auto& listing = *group.add_subcommand("list", "List the gaps that nobody has accepted yet");
    listing.add_option("--group", arguments->group, "Only this worker group");
    listing.add_flag("--accepted", arguments->accepted, "Those that were accepted, by whom and why");
    add_format(listing, context);
    add_timeout(listing, context);
    on_run(listing, context, [&context, arguments] { return list(context, *arguments); });

    auto& accepting =
        *group.add_subcommand("accept", "Go on behind a gap, and write down that it was accepted");
    accepting.add_option("--group", arguments->group, "Worker group, such as records")->required();
    accepting.add_option("--partition", arguments->partition, "Topic and partition, such as 'live-class[3]'")
        ->required();
    accepting.add_option("--note", arguments->note, "Why; kept for ever")->required();
    accepting
        .add_option("--to", arguments->to,
                    "Offset to go on from (default: the oldest that Kafka has; must be said "
                    "where the group is beyond Kafka's end)")
        ->check(CLI::Range(std::int64_t{0}, INT64_MAX));
    accepting.add_flag("--yes", arguments->yes, "Do not ask");
    add_exact(accepting, context);
    add_timeout(accepting, context);
    on_run(accepting, context, [&context, arguments] { return accept(context, *arguments); });
}

}  // namespace activity::ctl::commands
