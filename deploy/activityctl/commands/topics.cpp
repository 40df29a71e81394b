#include <algorithm>
#include <iostream>
#include <memory>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/table.h"
#include "deploy/activityctl/terminal.h"
#include "deploy/activityctl/topic_plan.h"
#include "schemas/activity/json.h"

namespace activity::ctl::commands {
namespace {

struct Arguments {
    std::string name;
    int partitions = 0;
    int replication_factor = wire::replication_factor_of_brokers;
    std::vector<std::string> config;
    bool add_partitions = false;
    bool dry_run = false;
    bool all = false;
    bool yes = false;
};

std::map<std::string, std::string> parse_config(const std::vector<std::string>& options) {
    std::map<std::string, std::string> config;
    for (const auto& option : options) {
        const auto equals = option.find('=');
        if (equals == 0 || equals == std::string::npos)
            throw UsageError("--config must be name=value; it is '" + option + "'");
        config[option.substr(0, equals)] = option.substr(equals + 1);
    }
    return config;
}

std::vector<wire::TopicPartition> partitions_of(const wire::TopicDescription& topic) {
    std::vector<wire::TopicPartition> partitions;
    for (const auto& partition : topic.partitions) partitions.push_back({topic.name, partition.partition});
    return partitions;
}

wire::TopicDescription existing(wire::Admin& admin, const std::string& name) {
    auto topic = admin.describe_topic(name);
    if (!topic)
        throw CommandError("there is no topic " + name +
                           "; 'activityctl topics list --all' shows what there is");
    return *std::move(topic);
}

std::string numbers(const std::vector<std::int32_t>& values) {
    std::string text;
    for (const auto value : values) text += (text.empty() ? "" : ",") + std::to_string(value);
    return text.empty() ? "-" : text;
}

// --- apply ---

const char* word_for(TopicChange::Action action, bool dry_run) {
    switch (action) {
        case TopicChange::Action::create: return dry_run ? "would create" : "created";
        case TopicChange::Action::alter_config: return dry_run ? "would alter" : "altered";
        case TopicChange::Action::add_partitions: return dry_run ? "would grow" : "grown";
        case TopicChange::Action::nothing: return "unchanged";
    }
    return "";
}

void carry_out(wire::Admin& admin, const TopicPlan& plan) {
    std::vector<wire::NewTopic> missing;
    for (const auto& change : plan.changes) {
        if (change.action == TopicChange::Action::create) {
            missing.push_back({change.topic, change.partitions, plan.replication_factor, change.config});
        }
    }
    admin.create_topics(missing);
    for (const auto& change : plan.changes) {
        if (change.action == TopicChange::Action::add_partitions)
            admin.grow_topic(change.topic, change.partitions);
        if (change.action == TopicChange::Action::alter_config)
            admin.alter_config(change.topic, change.config);
    }
}

int apply(const Context& context, const Arguments& arguments) {
    const auto wanted = wanted_topics(context.catalogue(), context.settings().topic_prefix);
    auto admin = context.admin();
    const auto cluster = admin.describe_cluster();
    std::vector<std::string> present;
    for (const auto& topic : wanted) {
        if (std::ranges::count(cluster.topics, topic.name, &wire::TopicDescription::name))
            present.push_back(topic.name);
    }
    ReplicationWish replication{arguments.replication_factor, 1};
    if (replication.asked_for <= 0 && present.size() < wanted.size()) {
        replication.of_brokers = std::stoi(admin.broker_config("default.replication.factor").value_or("1"));
    }
    const auto plan = plan_topics(wanted, cluster.topics, admin.topic_configs(present), replication,
                                  arguments.add_partitions);
    if (!arguments.dry_run) carry_out(admin, plan);

    Table table({"topic", "action", "detail"});
    for (const auto& change : plan.changes)
        table.add({change.topic, word_for(change.action, arguments.dry_run), change.detail});
    if (context.json) {
        std::cout << table.json() << '\n';
    } else {
        table.print(std::cout);
    }
    for (const auto& warning : plan.warnings) std::cerr << "warning: " << warning << '\n';
    return exit_ok;
}

// --- list, describe ---

int list(const Context& context, const Arguments& arguments) {
    auto admin = context.admin();
    std::vector<std::string> known;
    for (const auto& topic : wanted_topics(context.catalogue(), context.settings().topic_prefix))
        known.push_back(topic.name);
    std::vector<wire::TopicDescription> topics;
    std::vector<wire::TopicPartition> partitions;
    for (auto& topic : admin.describe_cluster().topics) {
        if (!arguments.all && !topic.name.starts_with(context.settings().topic_prefix)) continue;
        for (const auto& partition : topic.partitions) {
            if (partition.leader >= 0) partitions.push_back({topic.name, partition.partition});
        }
        topics.push_back(std::move(topic));
    }
    std::map<std::string, std::int64_t> records;
    for (const auto& [partition, marks] : admin.watermarks(partitions))
        records[partition.topic] += marks.next - marks.oldest;

    Table table({"topic", "partitions", "replication", "under_replicated", "records", "in_catalogue"});
    for (const auto& topic : topics) {
        const auto behind = std::ranges::count_if(topic.partitions, [](const auto& partition) {
            return partition.leader < 0 || partition.in_sync.size() < partition.replicas.size();
        });
        table.add({topic.name, static_cast<std::int64_t>(topic.partitions.size()),
                   static_cast<std::int64_t>(topic.replication_factor()), static_cast<std::int64_t>(behind),
                   records[topic.name], std::ranges::count(known, topic.name) != 0});
    }
    if (context.json) {
        std::cout << table.json() << '\n';
        return exit_ok;
    }
    table.print(std::cout);
    if (table.empty())
        std::cerr << "No topics with the prefix " << context.settings().topic_prefix
                  << " yet: activityctl topics apply\n";
    return exit_ok;
}

int describe(const Context& context, const Arguments& arguments) {
    auto admin = context.admin();
    const auto topic = existing(admin, context.topic(arguments.name));
    std::vector<wire::TopicPartition> led;
    for (const auto& partition : topic.partitions) {
        if (partition.leader >= 0) led.push_back({topic.name, partition.partition});
    }
    const auto marks = admin.watermarks(led);
    Table partitions({"partition", "leader", "replicas", "in_sync", "oldest", "next", "records"});
    for (const auto& partition : topic.partitions) {
        const auto found = marks.find({topic.name, partition.partition});
        const auto mark = [&](auto value) {
            return found == marks.end() ? Cell() : Cell(value(found->second));
        };
        partitions.add({std::int64_t{partition.partition},
                        partition.leader < 0 ? Cell("none") : Cell(std::to_string(partition.leader)),
                        numbers(partition.replicas), numbers(partition.in_sync),
                        mark([](const wire::Watermarks& w) { return w.oldest; }),
                        mark([](const wire::Watermarks& w) { return w.next; }),
                        mark([](const wire::Watermarks& w) { return w.next - w.oldest; })});
    }
    Table config({"option", "value", "set_for"});
    const auto configs = admin.topic_configs({topic.name});
    for (const auto& [name, value] : configs.at(topic.name)) {
        if (!value.is_default) config.add({name, value.value, value.of_topic ? "topic" : "brokers"});
    }
    if (context.json) {
        std::string out = "{\"topic\": ";
        json::append_string(out, topic.name);
        std::cout << out << ",\n\"partitions\": " << partitions.json() << ",\n\"config\": " << config.json()
                  << "}\n";
        return exit_ok;
    }
    std::cout << printable(topic.name) << ": " << topic.partitions.size()
              << " partitions, replication factor " << topic.replication_factor() << "\n\n";
    partitions.print(std::cout);
    std::cout << (config.empty() ? "\nEvery option is Kafka's default.\n"
                                 : "\nOptions that are not Kafka's default:\n");
    if (!config.empty()) config.print(std::cout);
    return exit_ok;
}

// --- create, delete ---

int create(const Context& context, const Arguments& arguments) {
    const auto name = context.topic(arguments.name);
    const wire::NewTopic topic{name, arguments.partitions, arguments.replication_factor,
                               parse_config(arguments.config)};
    auto admin = context.admin();
    if (!admin.create_topics({topic}).empty()) {
        throw CommandError("there is a topic " + name + " already; 'activityctl topics describe " +
                           arguments.name + "' shows it");
    }
    std::cout << "created " << name << ", " << arguments.partitions
              << (arguments.partitions == 1 ? " partition\n" : " partitions\n");
    return exit_ok;
}

int remove(const Context& context, const Arguments& arguments) {
    const auto name = context.topic(arguments.name);
    auto admin = context.admin();
    const auto topic = existing(admin, name);
    if (!arguments.yes) {
        std::int64_t records = 0;
        for (const auto& [partition, marks] : admin.watermarks(partitions_of(topic)))
            records += marks.next - marks.oldest;
        const auto question =
            "The topic " + name + " with its " + std::to_string(records) + " records will be gone for good.";
        if (!confirmed(question, name)) {
            std::cerr << "Nothing was deleted.\n";
            return exit_failed;
        }
    }
    admin.delete_topics({name});
    std::cout << "deleted " << name << '\n';
    return exit_ok;
}

}  // namespace

void add_topics(CLI::App& app, Context& context) {
    auto& group =
        *app.add_subcommand("topics", "Kafka's topics: apply the catalogue, list, describe, create, delete");
    group.require_subcommand(1);
    group.footer(
        "The prefix (ACTIVITY_TOPIC_PREFIX) is put before a name unless the name has it already: "
        "'live-class' and\n"
        "'activity.live-class' are one topic. --exact takes a name as it is.");
    const auto arguments = std::make_shared<Arguments>();
    const auto add_name = [&](CLI::App& command) {
        command.add_option("name", arguments->name, "Topic, with or without the prefix")->required();
        add_exact(command, context);
    };
    const auto add_replication = [&](CLI::App& command) {
        command
            .add_option("--replication-factor", arguments->replication_factor,
                        "Copies of each partition (default: the brokers' default)")
            ->check(CLI::Range(1, 32'767));
    };

    auto& applying =
        *group.add_subcommand("apply", "Make the topics as the catalogue says; nothing is ever removed");
    add_replication(applying);
    applying.add_flag("--add-partitions", arguments->add_partitions,
                      "Add partitions that are missing (loosens the order per user for a while)");
    applying.add_flag("--dry-run", arguments->dry_run, "Only say what would be done");
    add_json(applying, context);
    add_timeout(applying, context);
    on_run(applying, context, [&context, arguments] { return apply(context, *arguments); });

    auto& listing = *group.add_subcommand("list", "List the topics with the prefix");
    listing.add_flag("--all", arguments->all, "All topics of the cluster");
    add_json(listing, context);
    add_timeout(listing, context);
    on_run(listing, context, [&context, arguments] { return list(context, *arguments); });

    auto& describing =
        *group.add_subcommand("describe", "Show a topic's partitions, replicas, offsets and options");
    add_name(describing);
    add_json(describing, context);
    add_timeout(describing, context);
    on_run(describing, context, [&context, arguments] { return describe(context, *arguments); });

    auto& creating = *group.add_subcommand("create", "Create one topic");
    add_name(creating);
    creating.add_option("--partitions", arguments->partitions, "Number of partitions")
        ->default_val(8)
        ->check(CLI::Range(1, 100'000));
    add_replication(creating);
    creating.add_option("--config", arguments->config, "Topic option name=value; may be given again")
        ->take_all();
    add_timeout(creating, context);
    on_run(creating, context, [&context, arguments] { return create(context, *arguments); });

    auto& deleting = *group.add_subcommand("delete", "Delete one topic with all its records; asks first");
    add_name(deleting);
    deleting.add_flag("--yes", arguments->yes, "Do not ask");
    add_timeout(deleting, context);
    on_run(deleting, context, [&context, arguments] { return remove(context, *arguments); });
}

}  // namespace activity::ctl::commands
