#include <algorithm>
#include <iostream>
#include <memory>
#include <set>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/group_lag.h"
#include "deploy/activityctl/stored_offsets.h"
#include "deploy/activityctl/table.h"

namespace activity::ctl::commands {
namespace {

/// All groups' offsets in PostgreSQL. Nothing, and a note, if it can't be asked.
std::optional<StoredOffsets> ask_database(const Context& context) {
    if (!context.has_database()) {
        std::cerr << "note: without PostgreSQL's own offsets, as ACTIVITY_POSTGRES_URL is not set\n";
        return std::nullopt;
    }
    try {
        auto database = context.database();
        return load_stored_offsets(database);
    } catch (const DatabaseError& error) {
        std::cerr << "note: without PostgreSQL's own offsets: " << error.what() << '\n';
        return std::nullopt;
    }
}

/// Kafka, if it answers; otherwise a note.
std::optional<wire::Admin> ask_kafka(const Context& context, std::vector<std::string>& groups) {
    if (!context.has_kafka()) {
        std::cerr << "note: without Kafka's offsets, as ACTIVITY_KAFKA_BOOTSTRAP is not set\n";
        return std::nullopt;
    }
    try {
        auto admin = context.admin();
        groups = admin.list_groups();
        return admin;
    } catch (const wire::Failure& failure) {
        if (!context.has_database()) throw;
        std::cerr << "note: without Kafka's offsets: " << failure.what() << '\n';
        return std::nullopt;
    }
}

/// The groups to show: those that were named (`records` for the workers' own), or all groups of workers.
std::vector<std::string> choose_groups(const Context& context, const std::vector<std::string>& named,
                                       const std::vector<std::string>& in_kafka,
                                       const StoredOffsets& stored) {
    std::set<std::string> known(in_kafka.begin(), in_kafka.end());
    for (const auto& [group, _] : stored) known.insert(group);
    if (named.empty()) {
        std::vector<std::string> workers;
        std::ranges::copy_if(known, std::back_inserter(workers),
                             [&](const auto& group) { return group.starts_with(context.worker_group("")); });
        return workers;
    }
    std::vector<std::string> groups;
    for (const auto& name : named) {
        const auto worker = context.worker_group(name);
        if (!known.contains(name) && !known.contains(worker)) {
            std::string list;
            for (const auto& group : known) list += "\n  " + group;
            throw CommandError("there is no group " + name +
                               (list.empty() ? "; there is none at all yet" : "; there are:" + list));
        }
        groups.push_back(known.contains(name) ? name : worker);
    }
    return groups;
}

/// Partitions that a group of workers reads, also where it has no offset yet: all of the catalogue's topics.
std::vector<wire::TopicPartition> partitions_of_workers(const Context& context, wire::Admin& admin) {
    const auto catalogue = context.catalogue();
    std::vector<wire::TopicPartition> partitions;
    for (const auto& topic : admin.describe_cluster().topics) {
        const auto in_catalogue = std::ranges::any_of(catalogue.topics(), [&](const auto& entry) {
            return context.settings().topic_prefix + entry.name == topic.name;
        });
        for (const auto& partition : topic.partitions) {
            if (in_catalogue) partitions.push_back({topic.name, partition.partition});
        }
    }
    return partitions;
}

std::vector<PartitionLag> lag_of(const Context& context, std::optional<wire::Admin>& admin,
                                 const std::string& group,
                                 const std::map<wire::TopicPartition, StoredOffset>& stored) {
    if (!admin) return join_lag({}, stored, {});
    const auto committed = admin->group_offsets(group);
    std::set<wire::TopicPartition> partitions;
    for (const auto& [partition, _] : committed) partitions.insert(partition);
    for (const auto& [partition, _] : stored) partitions.insert(partition);
    // The retries and the lane of the newest have what they have; the main lane reads all topics.
    const bool is_lane = group.ends_with(".retry") || group.ends_with(".newest");
    if (group.starts_with(context.worker_group("")) && !is_lane) {
        for (auto& partition : partitions_of_workers(context, *admin))
            partitions.insert(std::move(partition));
    }
    // A topic that was deleted has offsets still, but no end.
    std::vector<wire::TopicPartition> present;
    for (const auto& topic : admin->describe_cluster().topics) {
        for (const auto& partition : topic.partitions) {
            const wire::TopicPartition key{topic.name, partition.partition};
            if (partition.leader >= 0 && partitions.contains(key)) present.push_back(key);
        }
    }
    return join_lag(committed, stored, admin->watermarks(present));
}

Cell cell(const std::optional<std::int64_t>& number) {
    return number ? Cell(*number) : Cell();
}

int lag(const Context& context, const std::vector<std::string>& named) {
    if (!context.has_kafka() && !context.has_database()) {
        throw service::SettingsError(
            "ACTIVITY_KAFKA_BOOTSTRAP or ACTIVITY_POSTGRES_URL is required, best both");
    }
    std::vector<std::string> in_kafka;
    auto admin = ask_kafka(context, in_kafka);
    const auto database = ask_database(context);
    if (!admin && !database) throw CommandError("neither Kafka nor PostgreSQL answers");
    const auto stored = database.value_or(StoredOffsets{});

    Table lines({"group", "topic", "partition", "kafka_committed", "postgres_next", "end", "kafka_lag",
                 "postgres_lag", "epoch", "owner"});
    Table totals({"group", "kafka_lag", "postgres_lag"});
    for (const auto& group : choose_groups(context, named, in_kafka, stored)) {
        const auto of_group = stored.find(group);
        const bool in_database = of_group != stored.end();
        std::int64_t kafka_total = 0;
        std::int64_t postgres_total = 0;
        for (const auto& line :
             lag_of(context, admin, group,
                    in_database ? of_group->second : std::map<wire::TopicPartition, StoredOffset>{})) {
            // A group that is not the workers' has no offsets in PostgreSQL, and so no lag there.
            const Cell postgres_lag = in_database ? cell(line.stored_lag()) : Cell();
            lines.add({group, line.partition.topic, std::int64_t{line.partition.partition},
                       cell(line.committed), line.stored ? Cell(line.stored->next) : Cell(),
                       line.marks ? Cell(line.marks->next) : Cell(), cell(line.kafka_lag()), postgres_lag,
                       line.stored ? Cell(line.stored->epoch) : Cell(),
                       line.stored && !line.stored->owner.empty() ? Cell(line.stored->owner) : Cell()});
            kafka_total += line.kafka_lag().value_or(0);
            if (in_database) postgres_total += line.stored_lag().value_or(0);
            if (line.lost() > 0) {
                std::cerr << "warning: " << group << " lacks " << line.lost() << " records of "
                          << line.partition.topic << " [" << line.partition.partition
                          << "] that Kafka has deleted already\n";
            }
        }
        totals.add({group, admin ? Cell(kafka_total) : Cell(),
                    admin && in_database ? Cell(postgres_total) : Cell()});
    }
    if (context.json) {
        std::cout << lines.json() << '\n';
        return exit_ok;
    }
    if (lines.empty()) {
        std::cerr
            << "No group of workers has an offset yet: none has read anything. --group names any other.\n";
        return exit_ok;
    }
    lines.print(std::cout);
    std::cout << '\n';
    totals.print(std::cout);
    return exit_ok;
}

}  // namespace

void add_lag(CLI::App& app, Context& context) {
    auto& command =
        *app.add_subcommand("lag", "How far groups are behind, in Kafka and in PostgreSQL's own offsets");
    const auto groups = std::make_shared<std::vector<std::string>>();
    command
        .add_option("--group", *groups,
                    "Only this group, by its full name or as 'records'; may be given again (default: all of "
                    "the workers)")
        ->take_all();
    add_json(command, context);
    add_timeout(command, context);
    command.footer(
        "PostgreSQL's offset is the truth: workers start from it. Kafka's follows, for tools that know only "
        "Kafka.");
    on_run(command, context, [&context, groups] { return lag(context, *groups); });
}

}  // namespace activity::ctl::commands
