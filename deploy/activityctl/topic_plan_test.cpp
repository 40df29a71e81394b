#include "deploy/activityctl/topic_plan.h"

#include <gmock/gmock.h>
#include <algorithm>

namespace activity::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using Action = TopicChange::Action;

wire::TopicDescription topic_with(const std::string& name, int partitions,
                                  std::vector<std::int32_t> replicas = {1}) {
    wire::TopicDescription topic{name, {}};
    for (int i = 0; i < partitions; ++i)
        topic.partitions.push_back({i, replicas.front(), replicas, replicas});
    return topic;
}

const std::vector<WantedTopic> wanted{{"a.chat", 8, {{"retention.ms", "1000"}}}};

TEST(TopicPlan, CreatesWhatIsMissing) {
    const auto plan = plan_topics(wanted, {}, {}, {}, false);
    ASSERT_THAT(plan.changes, SizeIs(1));
    EXPECT_EQ(plan.changes[0].action, Action::create);
    EXPECT_EQ(plan.changes[0].partitions, 8);
    EXPECT_EQ(plan.changes[0].detail, "8 partitions, 1 replica");
    EXPECT_THAT(plan.changes[0].config, ElementsAre(Pair("retention.ms", "1000")));
    EXPECT_EQ(plan.replication_factor, wire::replication_factor_of_brokers);
}

TEST(TopicPlan, ThreeReplicasNeedTwoInSync) {
    const auto config = [](ReplicationWish wish) {
        return plan_topics(wanted, {}, {}, wish, false).changes[0].config;
    };
    EXPECT_THAT(config({.asked_for = 3, .of_brokers = 1}),
                testing::Contains(Pair("min.insync.replicas", "2")));
    EXPECT_THAT(config({.asked_for = -1, .of_brokers = 3}),
                testing::Contains(Pair("min.insync.replicas", "2")));
    EXPECT_THAT(config({.asked_for = 2, .of_brokers = 3}), SizeIs(1));
}

TEST(TopicPlan, LeavesAloneWhatIsAsItOughtToBe) {
    const auto plan = plan_topics(wanted, {topic_with("a.chat", 8)},
                                  {{"a.chat", {{"retention.ms", {"1000", true, false}}}}}, {}, true);
    ASSERT_THAT(plan.changes, SizeIs(1));
    EXPECT_EQ(plan.changes[0].action, Action::nothing);
    EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(TopicPlan, AltersOnlyTheOptionsThatDiffer) {
    const std::vector<WantedTopic> two_options{
        {"a.chat", 1, {{"retention.ms", "1000"}, {"cleanup.policy", "delete"}}}};
    const wire::TopicConfig config{{"retention.ms", {"5", true, false}},
                                   {"cleanup.policy", {"delete", false, true}}};
    const auto plan = plan_topics(two_options, {topic_with("a.chat", 1)}, {{"a.chat", config}}, {}, false);
    ASSERT_THAT(plan.changes, SizeIs(1));
    EXPECT_EQ(plan.changes[0].action, Action::alter_config);
    EXPECT_THAT(plan.changes[0].config, ElementsAre(Pair("retention.ms", "1000")));
    EXPECT_EQ(plan.changes[0].detail, "retention.ms: 5 → 1000");
}

TEST(TopicPlan, AddsPartitionsOnlyWhenAllowed) {
    const std::map<std::string, wire::TopicConfig> configs{
        {"a.chat", {{"retention.ms", {"1000", true, false}}}}};
    const auto careful = plan_topics(wanted, {topic_with("a.chat", 4)}, configs, {}, false);
    EXPECT_EQ(careful.changes[0].action, Action::nothing);
    EXPECT_THAT(careful.warnings, ElementsAre(HasSubstr("--add-partitions")));

    const auto allowed = plan_topics(wanted, {topic_with("a.chat", 4)}, configs, {}, true);
    EXPECT_EQ(allowed.changes[0].action, Action::add_partitions);
    EXPECT_EQ(allowed.changes[0].partitions, 8);
    EXPECT_THAT(allowed.warnings, ElementsAre(HasSubstr("out of order")));
}

TEST(TopicPlan, NeverRemovesPartitions) {
    const auto plan = plan_topics(wanted, {topic_with("a.chat", 16)},
                                  {{"a.chat", {{"retention.ms", {"1000", true, false}}}}}, {}, true);
    EXPECT_EQ(plan.changes[0].action, Action::nothing);
    EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("can't remove partitions")));
}

TEST(TopicPlan, SaysThatReplicasMustBeMovedByKafkasTools) {
    const auto plan = plan_topics(wanted, {topic_with("a.chat", 8)},
                                  {{"a.chat", {{"retention.ms", {"1000", true, false}}}}},
                                  {.asked_for = 3, .of_brokers = 1}, false);
    EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("kafka-reassign-partitions.sh")));
}

TEST(WantedTopics, AreTheCataloguesTheDeadLettersAndTheRejected) {
    const auto catalogue = Catalogue::load(Catalogue::default_file());
    const auto topics = wanted_topics(catalogue, "t.");
    EXPECT_EQ(topics.front().name, "t." + catalogue.topics().front().name);
    const auto named = [&](const std::string& name) {
        const auto found = std::ranges::find(topics, name, &WantedTopic::name);
        EXPECT_NE(found, topics.end()) << name;
        return found == topics.end() ? WantedTopic{} : *found;
    };
    EXPECT_EQ(named("t.records.dead-letter").partitions, 1);
    EXPECT_EQ(named("t.records.retry-1").partitions, 1);
    EXPECT_THAT(named("t.rejected").config, ElementsAre(Pair("retention.ms", "604800000")));
    EXPECT_THAT(named("t.profiles").config, ElementsAre(Pair("cleanup.policy", "compact")));
}

}  // namespace
}  // namespace activity::ctl
