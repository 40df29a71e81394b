// Popularity is that of a model that is computed from what was sent, whatever the order and however often it
// came.

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <csignal>
#include <map>
#include <string>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "workers/groups/search/popularity.h"
#include "workers/tests/made_events.h"

namespace activity {
namespace {

using harness::Ledger;
using harness::Pipeline;

struct Popularity {
    double score = 0;  ///< as of `reference`
    std::int64_t events = 0;
};
using Item = std::pair<std::string, std::string>;

class SearchTest : public ::testing::Test {
  protected:
    std::map<Item, Popularity> model(const std::vector<MadeEvent>& events) {
        std::map<Item, Popularity> items;
        const auto add = [&](const Item& item, const MadeEvent& event, double weight) {
            auto& popularity = items[item];
            ++popularity.events;
            const std::chrono::duration<double> age = reference_ - event.at;
            popularity.score += weight * std::exp2(-age.count() / (7 * 86'400.0));
        };
        for (const auto& event : events) {
            if (!event.course.empty()) add({"course", event.course}, event, 1);
            if (event.activity == "problem_opened") add({"problem", event.problem}, event, 1);
            if (event.activity == "problem_submitted") add({"problem", event.problem}, event, 2);
            if (event.activity == "question_asked") add({"question", event.question}, event, 1);
        }
        return items;
    }

    void expect_as_modelled(const std::vector<MadeEvent>& events) {
        auto expected = model(events);
        auto session = pipeline_.session(harness::PostgresServer::As::analyst);
        const auto rows = session.query("SELECT kind, item, score_log2, events FROM analytics.popularity");
        EXPECT_EQ(rows.size(), expected.size());
        for (const auto& row : rows) {
            const Item item{row[0].as<std::string>(), row[1].as<std::string>()};
            ASSERT_TRUE(expected.contains(item)) << item.first << " " << item.second;
            const auto& popularity = expected[item];
            EXPECT_EQ(row[3].as<std::int64_t>(), popularity.events) << item.first << " " << item.second;
            const double score = std::exp2(row[2].as<double>() - workers::popularity_log2(reference_, 1));
            EXPECT_NEAR(score, popularity.score, popularity.score * 1e-7) << item.first << " " << item.second;
        }
        for (const auto* kind : {"course", "problem", "question"}) {
            std::vector<std::pair<double, std::string>> best;
            for (const auto& [item, popularity] : expected)
                if (item.first == kind) best.emplace_back(-popularity.score, item.second);
            std::ranges::sort(best);
            best.resize(5);
            std::vector<std::string> items, found;
            for (const auto& [score, item] : best) items.push_back(item);
            for (const auto& row :
                 session.query("SELECT item FROM activity.popular('" + std::string(kind) + "', 5)"))
                found.push_back(row[0].as<std::string>());
            EXPECT_EQ(found, items) << kind;
        }
    }

    void wait_applied() { pipeline_.wait_caught_up(Pipeline::patience_for_backlog, "search"); }

    Pipeline pipeline_;
    Ledger ledger_;
    EventMaker maker_{4712};
    const Timestamp reference_ = now();
};

TEST_F(SearchTest, scores_are_the_sum_of_decayed_weights_in_any_order_and_once_a_message) {
    const auto ingest = pipeline_.start_ingest();
    auto events = maker_.make(4'000);
    maker_.send(pipeline_.ingest(), ledger_, events);
    {
        auto worker = pipeline_.start_worker({{"ACTIVITY_WORKER_BATCH_MAX_RECORDS", "100"}}, 4, "search");
        wait_applied();
        expect_as_modelled(events);
        const auto more = maker_.make(1'000);
        maker_.send(pipeline_.ingest(), ledger_, events);
        maker_.send(pipeline_.ingest(), ledger_, more);
        events.insert(events.end(), more.begin(), more.end());
        wait_applied();
        expect_as_modelled(events);
        EXPECT_EQ(worker.metric("activity_worker_transactions_failed_total"), 0);
        worker.process().stop(SIGTERM, std::chrono::seconds(30));
    }
    pipeline_.session().query("UPDATE activity.part_offset SET next_offset = 0");
    const auto worker = pipeline_.start_worker({}, 2, "search");
    wait_applied();
    expect_as_modelled(events);
}

/// The worker and SQL share the half-life, and the sum of two logarithms is what it says, however far apart.
TEST_F(SearchTest, the_arithmetic_is_the_same_in_both_languages) {
    auto session = pipeline_.session();
    const auto at = *parse_timestamp("2026-11-21T12:00:00Z");
    const auto number = [&](const std::string& sql) {
        return std::stod(session.value("SELECT (" + sql + ")::text"));
    };
    EXPECT_NEAR(number("activity.half_lives('2026-11-21T12:00:00Z')"), workers::popularity_log2(at, 1), 1e-9);
    EXPECT_NEAR(number("activity.sum_log2(3, 3)"), 4, 1e-12);
    EXPECT_NEAR(number("activity.sum_log2(2900, 2901)"), 2900 + std::log2(3), 1e-9);
    EXPECT_EQ(number("activity.sum_log2(5000, -5000)"), 5000);
    EXPECT_EQ(number("activity.sum_log2(-5000, 5000)"), 5000);
}

}  // namespace
}  // namespace activity
