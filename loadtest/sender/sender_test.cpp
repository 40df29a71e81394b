#include "loadtest/sender/sender.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "loadtest/client/test_server.h"
#include "loadtest/stats/timeline.h"

namespace activity::loadtest {
namespace {

using namespace std::chrono_literals;
using testing_loadtest::Peer;
using testing_loadtest::Server;

/// What a request asked for: its events' IDs, and which of them are no good.
struct Asked {
    std::vector<std::string> ids;
    std::vector<bool> good;
};

Asked read_request(const std::string& request) {
    simdjson::dom::parser parser;
    simdjson::padded_string body(request.substr(request.find("\r\n\r\n") + 4));
    simdjson::dom::element root = parser.parse(body);
    Asked asked;
    const auto take = [&](simdjson::dom::element event) {
        asked.ids.emplace_back(std::string_view(event["messageId"]));
        std::string_view text;
        asked.good.push_back(!event["event"].get(text) && !event["userId"].get(text) &&
                             event["properties"].is_object());
    };
    simdjson::dom::array batch;
    if (root["batch"].get(batch)) {
        take(root);
    } else {
        for (const auto event : batch) take(event);
    }
    return asked;
}

std::string http(unsigned status, const std::string& body, const std::string& header = "") {
    return "HTTP/1.1 " + std::to_string(status) + " Word\r\n" + header +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// As ingest answers: good ones accepted, bad ones refused.
std::string answer(const Asked& asked) {
    std::string results;
    bool any = false;
    for (std::size_t i = 0; i < asked.ids.size(); ++i) {
        any = any || asked.good[i];
        results += std::string(i == 0 ? "" : ",") + R"({"messageId":")" + asked.ids[i] + R"(","status":")" +
                   (asked.good[i] ? "accepted" : "rejected") + R"("})";
    }
    return http(any ? 202 : 400, R"({"results":[)" + results + "]}");
}

class SenderTest : public ::testing::Test {
  protected:
    SenderTest() { std::filesystem::create_directory(directory_); }
    ~SenderTest() override { std::filesystem::remove_all(directory_); }

    /// A server that answers each request with what `reply` makes of it; "" hangs up.
    PhaseTally run(
        const std::function<std::string(const std::string& request, int turn)>& reply, double per_s,
        Rate::Seconds length, const std::function<void(SenderSettings&)>& change = [](auto&) {},
        Mix mix = quiet()) {
        std::atomic<int> turn = 0;
        Server server([&](Peer& peer) {
            for (auto request = peer.request(); !request.empty(); request = peer.request()) {
                const auto said = reply(request, turn++);
                if (said.empty()) return;
                peer.say(said);
            }
        });
        SenderSettings settings;
        settings.address = server.address();
        settings.sources = {{"web", "key"}};
        settings.ledger = directory_ / "ledger";
        settings.connections = 16;
        settings.timeout = 2s;
        change(settings);
        Platform platform(mix, 1);
        const auto began = Sender::Clock::now();
        PhaseTally tally;
        {
            Sender sender(settings, began, timeline_);
            PlatformFeed feed(platform, Schedule(Rate::constant(per_s, length), Schedule::Spacing::even, 1),
                              settings.sources.size(), mix.batch);
            tally =
                sender.run(feed, began, std::chrono::duration_cast<std::chrono::nanoseconds>(length), stop_);
        }
        LedgerReader reader(settings.ledger);
        for (auto some = reader.next(); !some.empty(); some = reader.next())
            entries_.insert(entries_.end(), some.begin(), some.end());
        return tally;
    }

    std::size_t entries(Outcome outcome) const {
        return static_cast<std::size_t>(std::count_if(
            entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.outcome == outcome; }));
    }

    static Mix quiet() {
        Mix mix;
        mix.late = mix.bad = mix.duplicates = 0;
        return mix;
    }

    Timeline timeline_;
    std::vector<Entry> entries_;
    std::atomic<bool> stop_ = false;

    int round_ = 0;

  private:
    std::filesystem::path directory_ =
        std::filesystem::temp_directory_path() / ("activity-sender-" + std::to_string(getpid()));
};

TEST_F(SenderTest, every_event_is_written_down_with_what_became_of_it) {
    Mix mix = quiet();
    mix.bad = 0.2;
    mix.batch = 5;
    std::mutex mutex;
    std::map<std::string, bool> seen;
    const auto tally = run(
        [&](const std::string& request, int) {
            const auto asked = read_request(request);
            const std::lock_guard lock(mutex);
            for (std::size_t i = 0; i < asked.ids.size(); ++i) seen[asked.ids[i]] = asked.good[i];
            return answer(asked);
        },
        200, Rate::Seconds(0.5), [](auto&) {}, mix);
    ASSERT_EQ(entries_.size(), 500u);
    EXPECT_EQ(seen.size(), 500u);
    for (const Entry& entry : entries_) {
        const auto id = format_uuid(entry.key);
        ASSERT_TRUE(seen.contains(id));
        EXPECT_EQ(entry.outcome, seen[id] ? Outcome::acknowledged : Outcome::refused);
        EXPECT_EQ(entry.sends, 1);
    }
    EXPECT_EQ(tally.counts.offered, 500u);
    EXPECT_EQ(tally.counts.acknowledged, entries(Outcome::acknowledged));
    EXPECT_EQ(tally.counts.refused, entries(Outcome::refused));
    EXPECT_GT(tally.counts.refused, 50u);
    EXPECT_EQ(tally.counts.refused_unexpected + tally.counts.accepted_unexpected, 0u);
    EXPECT_EQ(tally.latency.count(), 100u);
    std::uint64_t offered = 0;
    for (const Second& second : timeline_.seconds()) offered += second.offered;
    EXPECT_EQ(offered, 500u);
}

TEST_F(SenderTest, a_stall_shows_in_all_that_was_due_meanwhile) {
    const auto began = std::chrono::steady_clock::now();
    const auto tally = run(
        [&](const std::string& request, int) {
            const auto passed = std::chrono::steady_clock::now() - began;
            if (passed > 500ms && passed < 1500ms) std::this_thread::sleep_for(1500ms - passed);
            return answer(read_request(request));
        },
        1'000, Rate::Seconds(4), [](SenderSettings& settings) { settings.connections = 4; });
    // A quarter of all was due in that second; half of these waited for more than half of it.
    EXPECT_EQ(tally.counts.acknowledged, 4'000u);
    EXPECT_GT(tally.latency.at_percentile(99.9), 900'000u);
    EXPECT_GT(tally.latency.at_percentile(90), 400'000u);
}

TEST_F(SenderTest, a_closed_loop_hides_the_stall_and_is_no_default) {
    EXPECT_FALSE(SenderSettings().closed_loop);
    const auto began = std::chrono::steady_clock::now();
    const auto tally = run(
        [&](const std::string& request, int) {
            const auto passed = std::chrono::steady_clock::now() - began;
            if (passed > 500ms && passed < 1500ms) std::this_thread::sleep_for(1500ms - passed);
            std::this_thread::sleep_for(1ms);
            return answer(read_request(request));
        },
        1e6, Rate::Seconds(3),
        [](SenderSettings& settings) {
            settings.connections = 4;
            settings.closed_loop = true;
        });
    EXPECT_GT(tally.counts.acknowledged, 1'000u);
    EXPECT_LT(tally.latency.at_percentile(90), 400'000u);
}

TEST_F(SenderTest, is_refused_for_a_while_and_sends_the_same_again) {
    std::mutex mutex;
    std::map<std::string, int> asked;
    const auto tally = run(
        [&](const std::string& request, int turn) {
            const auto ids = read_request(request);
            const std::lock_guard lock(mutex);
            ++asked[ids.ids.front()];
            switch (turn % 4) {
                case 0: return http(503, "{}");
                case 1: return std::string();  // the connection is lost
                default: return answer(ids);
            }
        },
        100, Rate::Seconds(0.5));
    EXPECT_EQ(tally.counts.acknowledged, 50u);
    EXPECT_EQ(asked.size(), 50u);
    EXPECT_GT(tally.counts.status_503, 0u);
    EXPECT_GT(tally.counts.lost, 0u);
    EXPECT_EQ(tally.counts.retries, tally.counts.status_503 + tally.counts.lost);
    for (const Entry& entry : entries_) EXPECT_EQ(entry.sends, asked[format_uuid(entry.key)]);
}

TEST_F(SenderTest, waits_as_long_as_the_server_asks_for) {
    const auto tally = run(
        [&](const std::string& request, int turn) {
            return turn == 0 ? http(429, "{}", "Retry-After: 1\r\n") : answer(read_request(request));
        },
        10, Rate::Seconds(0.1));
    EXPECT_EQ(tally.counts.status_429, 1u);
    EXPECT_GE(tally.latency.max_us(), 1'000'000u);
}

TEST_F(SenderTest, what_never_got_an_answer_is_unknown) {
    const auto tally = run([](const std::string&, int) { return std::string(); }, 100, Rate::Seconds(0.2),
                           [](SenderSettings& settings) { settings.retries_max = 1; });
    EXPECT_EQ(tally.counts.unknown, 20u);
    EXPECT_EQ(entries(Outcome::unknown), 20u);
    for (const Entry& entry : entries_) EXPECT_EQ(entry.sends, 2);
}

TEST_F(SenderTest, an_answer_that_does_not_fit_is_wrong_and_says_nothing) {
    const auto tally =
        run([](const std::string&, int) { return http(202, R"({"results":[]})"); }, 100, Rate::Seconds(0.1));
    EXPECT_EQ(tally.counts.wrong, 10u);
    EXPECT_EQ(entries(Outcome::unknown), 10u);
}

TEST_F(SenderTest, a_key_that_is_refused_refuses_good_events) {
    const auto tally = run([](const std::string&, int) { return http(401, "{}"); }, 100, Rate::Seconds(0.1));
    EXPECT_EQ(tally.counts.refused_unexpected, 10u);
    EXPECT_EQ(tally.counts.retries, 0u);
    EXPECT_EQ(entries(Outcome::refused), 10u);
}

TEST_F(SenderTest, repeats_on_purpose_count_apart) {
    std::atomic<int> requests = 0;
    const auto tally = run(
        [&](const std::string& request, int) {
            ++requests;
            return answer(read_request(request));
        },
        100, Rate::Seconds(0.3), [](SenderSettings& settings) { settings.duplicates = 1; });
    EXPECT_EQ(tally.counts.duplicates, 30u);
    EXPECT_EQ(tally.counts.acknowledged, 30u);
    EXPECT_EQ(requests, 60);
    EXPECT_EQ(tally.latency.count(), 30u);
    for (const Entry& entry : entries_) EXPECT_EQ(entry.sends, 2);
}

TEST_F(SenderTest, nothing_more_is_sent_than_fits) {
    const auto tally = run(
        [&](const std::string& request, int) {
            std::this_thread::sleep_for(300ms);
            return answer(read_request(request));
        },
        1'000, Rate::Seconds(0.2), [](SenderSettings& settings) { settings.open_max = 20; });
    EXPECT_EQ(tally.counts.offered, 200u);
    EXPECT_GT(tally.counts.unsent, 100u);
    EXPECT_EQ(tally.counts.acknowledged, tally.counts.offered - tally.counts.unsent);
    EXPECT_EQ(entries_.size(), tally.counts.acknowledged);
}

TEST_F(SenderTest, the_same_seed_sends_the_same_events) {
    const auto bodies = [&] {
        std::mutex mutex;
        std::multiset<std::string> all;
        entries_.clear();
        run(
            [&](const std::string& request, int) {
                const auto properties = request.find(R"("properties":)");
                const auto event = request.find(R"("event":)");
                const std::lock_guard lock(mutex);
                all.insert(request.substr(event, 40) + request.substr(properties));
                return answer(read_request(request));
            },
            200, Rate::Seconds(0.3),
            [n = ++round_](SenderSettings& settings) { settings.ledger += std::to_string(n); });
        return all;
    };
    EXPECT_EQ(bodies(), bodies());
}

}  // namespace
}  // namespace activity::loadtest
