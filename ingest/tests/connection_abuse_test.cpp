// Clients that take their time, never read, never stop, come in thousands or go away in the middle: each
// costs little, is cut in bounded time, and the others are served meanwhile.

#include <sys/resource.h>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ingest/tests/front_door.h"

namespace activity::front_door {
namespace {

class ConnectionAbuseTest : public FrontDoor {
  protected:
    static void SetUpTestSuite() {
        open({{"ACTIVITY_INGEST_HEADER_TIMEOUT_MS", "1500"},
              {"ACTIVITY_INGEST_BODY_TIMEOUT_MS", "1500"},
              {"ACTIVITY_INGEST_IDLE_TIMEOUT_MS", "1500"},
              {"ACTIVITY_INGEST_WRITE_TIMEOUT_MS", "1500"}});
    }
};

/// Every request of every client was answered with 202 at its first try: nobody's connection was cut, and
/// nobody waited in vain.
void expect_nobody_was_disturbed(Pipeline& pipeline, const Ledger& ledger) {
    EXPECT_GT(ledger.size(), 0u);
    EXPECT_EQ(ledger.count(Outcome::acknowledged), ledger.size());
    EXPECT_EQ(ledger.attempts(), ledger.size());
    EXPECT_EQ(ledger.wrong_answers(), std::vector<std::string>{});
    EXPECT_EQ(pipeline.kafka().written(pipeline.event_topics()), static_cast<std::int64_t>(ledger.size()));
}

/// A connection that has had an answer and now says nothing.
Connection idle_connection(const Pipeline& pipeline) {
    Connection connection(pipeline.ingest());
    connection.send(http_request("GET", "/health"));
    EXPECT_EQ(connection.receive(soon).status, 200);
    return connection;
}

// --- clients that take their time (rows 21 and 22)

TEST_F(ConnectionAbuseTest, slow_clients_are_cut_in_bounded_time_and_disturb_nobody) {
    const auto started = std::chrono::steady_clock::now();
    std::vector<Connection> slow;
    const std::string request = good_request("smuggled");
    const std::size_t header_end = request.find("\r\n\r\n") + 4;
    for (int i = 0; i < 20; ++i) {
        slow.push_back(connect());  // says nothing at all
        slow.push_back(connect());
        slow.back().send(request.substr(0, 40));  // half a header
        slow.push_back(connect());
        slow.back().send(request.substr(0, header_end + 10));  // half a body
    }
    // One byte now and then prolongs nothing, also after a good request.
    Connection dripping = connect();
    expect_served(dripping);
    ++expected_in_kafka_;
    const bool cut = !harness::holds_for(soon, [&, at = std::size_t{0}]() mutable {
        std::string_view byte = std::string_view(request).substr(at++ % header_end, 1);
        const bool sent = dripping.try_send(byte);
        // Others are served meanwhile.
        expect_served();
        ++expected_in_kafka_;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return sent && !dripping.ends_within(std::chrono::milliseconds(0)) && dripping.unread().empty();
    });
    EXPECT_TRUE(cut) << "a client that sends a byte now and then may go on for ever";
    for (Connection& connection : slow) {
        // An answer (408) or none, then the end.
        try {
            const Response response = connection.receive(soon);
            EXPECT_EQ(response.status, 408);
            EXPECT_TRUE(connection.ends_within(soon));
        } catch (const ConnectionLost&) {
        }
    }
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(30));
}

TEST_F(ConnectionAbuseTest, a_client_that_never_reads_is_cut_and_costs_nothing) {
    Connection connection = connect();
    const std::string request = "GET /nowhere HTTP/1.1\r\nHost: activity.test\r\n\r\n";
    std::string many;
    while (many.size() < 100'000) many += request;
    const bool cut = !harness::holds_for(std::chrono::seconds(30), [&] {
        for (int i = 0; i < 50; ++i) {
            std::string_view rest = many;
            if (!connection.try_send(rest)) return false;
            if (rest.size() == many.size()) break;
        }
        return true;
    });
    EXPECT_TRUE(cut) << "answers pile up for a client that reads none";
    // Stuck, a server that spins would burn all of this time.
    const auto cpu_before = ingest_->process().cpu_time();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    EXPECT_LT(ingest_->process().cpu_time() - cpu_before, std::chrono::milliseconds(300));
}

/// What comes after the last answer is read and thrown away, so that the answer arrives; but not for ever,
/// and not at the cost of the others, however fast it comes.
TEST_F(ConnectionAbuseTest, clients_that_never_stop_sending_are_cut_and_disturb_nobody) {
    std::atomic<int> cut{0};
    {
        std::vector<std::jthread> pouring;
        for (int i = 0; i < 4; ++i) {
            pouring.emplace_back([&] {
                const std::string flood(1'000'000, 'x');
                const auto end = std::chrono::steady_clock::now() + soon;
                try {
                    Connection connection = connect();
                    connection.send(with_lines("Content-Length: 1000000000\r\n", ""));
                    while (std::chrono::steady_clock::now() < end) connection.send(flood);
                } catch (const ConnectionLost&) {
                    ++cut;
                }
            });
        }
        while (cut < 4) {
            expect_served();
            ++expected_in_kafka_;
            if (HasFailure()) break;
        }
    }
    EXPECT_EQ(cut, 4) << "whoever is fast enough may go on for ever";
}

/// Requests without a pause, each of which is answered at once: the reactor must come back to the others.
TEST_F(ConnectionAbuseTest, an_endless_pipeline_disturbs_nobody) {
    std::string many;
    while (many.size() < 200'000) many += http_request("GET", "/nowhere");
    std::atomic<std::size_t> answered_bytes{0};
    {
        std::vector<std::jthread> greedy;
        for (int i = 0; i < 4; ++i) {  // two on each reactor thread, so that its buffer never runs dry
            greedy.emplace_back([&](const std::stop_token& stop) {
                Connection connection = connect();
                std::string_view rest = many;
                while (!stop.stop_requested()) {
                    if (rest.empty()) rest = many;
                    ASSERT_TRUE(connection.try_send(rest));
                    answered_bytes += connection.discard();
                }
            });
        }
        for (int i = 0; i < 20; ++i) expect_served();
        expected_in_kafka_ += 20;
    }
    EXPECT_GT(answered_bytes, mebibyte) << "there was no pipeline to speak of";
}

// --- clients by the thousand

/// Connections that say nothing cost some memory and nothing else, until they have been idle for too long.
TEST(ManyConnectionsTest, ten_thousand_idle_ones_disturb_nobody_and_are_closed_in_time) {
    constexpr std::size_t idle_count = 10'000;
    rlimit descriptors{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    descriptors.rlim_cur = descriptors.rlim_max;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
    ASSERT_GT(descriptors.rlim_cur, idle_count + 500) << "ulimit -Hn is too low for this test";

    Pipeline pipeline;
    Ledger ledger;
    auto ingest = pipeline.start_ingest({{"ACTIVITY_INGEST_IDLE_TIMEOUT_MS", "25000"}});
    harness::Load load(pipeline.ingest(), ledger, {.connections = 4, .requests_per_second = 100});
    std::vector<Connection> idle;
    while (idle.size() < idle_count) idle.push_back(idle_connection(pipeline));
    wait_until("all are open at the same time",
               [&] { return ingest.metric("activity_ingest_connections") >= idle_count; });
    const std::size_t resident = ingest.process().resident_bytes();
    std::cout << idle_count << " idle connections: " << resident / mebibyte << " MB\n";
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LE(resident, 128 * mebibyte);
#endif
    const std::size_t before = ledger.size();
    wait_until("others are served", [&] { return ledger.count(Outcome::acknowledged) > before + 200; });
    // One of them wakes up and is served like any other.
    idle.front().send(http_request("GET", "/health"));
    EXPECT_EQ(idle.front().receive(soon).status, 200);
    for (Connection& connection : idle) {
        ASSERT_TRUE(connection.ends_within(std::chrono::seconds(60))) << connection.unread();
    }
    wait_until("only the others are left", [&] { return ingest.metric("activity_ingest_connections") <= 4; });
    load.stop();
    expect_nobody_was_disturbed(pipeline, ledger);
}

/// Whoever comes when all places are taken is told so and goes; whoever has a place notices nothing.
TEST(ManyConnectionsTest, a_flood_beyond_the_limit_is_refused_and_disturbs_nobody) {
    Pipeline pipeline;
    Ledger ledger;
    auto ingest = pipeline.start_ingest({{"ACTIVITY_INGEST_CONNECTIONS_MAX", "64"}});
    harness::Load load(pipeline.ingest(), ledger, {.connections = 4, .requests_per_second = 200});
    wait_until("the load is under way", [&] {
        return ledger.count(Outcome::acknowledged) > 50 && ingest.metric("activity_ingest_connections") == 4;
    });
    std::vector<Connection> idle;
    while (idle.size() < 60) idle.push_back(idle_connection(pipeline));

    std::atomic<int> told{0}, cut{0};
    const std::size_t before = ledger.count(Outcome::acknowledged);
    {
        std::vector<std::jthread> flood;
        for (int i = 0; i < 4; ++i) {
            flood.emplace_back([&, speaks = i % 2 == 0] {
                for (int n = 0; n < 1'000; ++n) {
                    try {
                        Connection connection(pipeline.ingest());
                        if (speaks) connection.send(good_request("flood"));
                        const Response response = connection.receive(soon);
                        EXPECT_EQ(response.status, 503);
                        EXPECT_EQ(response.header("retry-after"), "1");
                        EXPECT_EQ(response.header("connection"), "close");
                        EXPECT_EQ(member(response, "code"), "too_many_connections");
                        ++told;
                    } catch (const ConnectionLost&) {
                        // A request that nobody reads makes the end a reset, which may overtake the answer.
                        EXPECT_TRUE(speaks);
                        ++cut;
                    }
                }
            });
        }
    }
    std::cout << told << " were told, " << cut << " cut\n";
    EXPECT_EQ(told + cut, 4'000);
    EXPECT_GE(told, 2'000);
    EXPECT_EQ(ingest.metric("activity_ingest_requests_total", "503"), 4'000);
    wait_until("others are served", [&] { return ledger.count(Outcome::acknowledged) > before + 100; });
    for (Connection& connection : idle) {
        connection.send(http_request("GET", "/health"));
        EXPECT_EQ(connection.receive(soon).status, 200) << "had its place before the flood";
    }
    // A place that becomes free is given away again.
    idle.erase(idle.begin() + 50, idle.end());
    wait_until("there is room again", [&] {
        Connection connection(pipeline.ingest());
        connection.send(http_request("GET", "/health"));
        return connection.receive(soon).status == 200;
    });
    load.stop();
    expect_nobody_was_disturbed(pipeline, ledger);
}

/// Out of descriptors, nobody can be accepted; the rest goes on, the processor rests, and those who wait are
/// accepted as soon as there are descriptors again.
TEST(ManyConnectionsTest, descriptors_that_run_out_disturb_nobody) {
    Pipeline pipeline;
    Ledger ledger;
    auto ingest = pipeline.start_ingest();
    harness::Load load(pipeline.ingest(), ledger, {.connections = 4, .requests_per_second = 50});
    wait_until("the load is under way", [&] { return ledger.count(Outcome::acknowledged) > 50; });
    rlimit usual{};
    ASSERT_EQ(prlimit(ingest.process().pid(), RLIMIT_NOFILE, nullptr, &usual), 0);
    const rlimit few{ingest.process().open_descriptors() + 20, usual.rlim_max};
    ASSERT_EQ(prlimit(ingest.process().pid(), RLIMIT_NOFILE, &few, nullptr), 0);
    std::vector<Connection> crowd;
    for (int i = 0; i < 35; ++i) {
        crowd.emplace_back(pipeline.ingest());
        crowd.back().send(http_request("GET", "/health"));
    }
    wait_until("there are no more descriptors", [&] { return ingest.logged("cannot accept for now") > 0; });
    const std::size_t before = ledger.count(Outcome::acknowledged);
    const auto cpu_before = ingest.process().cpu_time();
    const auto start = std::chrono::steady_clock::now();
    wait_until("others are served", [&] { return ledger.count(Outcome::acknowledged) > before + 100; });
    const auto cpu = ingest.process().cpu_time() - cpu_before;
    EXPECT_LT(cpu, (std::chrono::steady_clock::now() - start) / 2) << "it spins";
    EXPECT_LT(ingest.logged("cannot accept for now"), 100u) << "it fills the log";

    crowd.erase(crowd.begin(), crowd.begin() + 20);  // who was accepted goes, who waits follows
    for (Connection& connection : crowd) EXPECT_EQ(connection.receive(soon).status, 200);
    ASSERT_EQ(prlimit(ingest.process().pid(), RLIMIT_NOFILE, &usual, nullptr), 0);
    load.stop();
    expect_nobody_was_disturbed(pipeline, ledger);
}

// --- clients that go away (row 20), or half away

/// A client that has said all it has to say still gets its answers.
TEST_F(ConnectionAbuseTest, half_closed_clients_get_their_answers) {
    for (int round = 0; round < 20; ++round) {
        std::vector<std::string> ids;
        std::string bytes;
        for (int i = 0; i <= round % 3; ++i) {
            ids.push_back(harness::new_message_id());
            bytes += good_request(ids.back());
        }
        Connection connection = connect();
        connection.send(bytes);
        // The end comes with the request, while it is in work, or after its answer.
        std::this_thread::sleep_for(std::chrono::milliseconds(round % 5));
        connection.shut_down_sending();
        for (const std::string& id : ids) {
            const Response response = connection.receive(soon);
            EXPECT_EQ(response.status, 202) << response.body;
            EXPECT_EQ(member(response, "messageId"), id);
        }
        EXPECT_TRUE(connection.ends_within(soon)) << connection.unread();
        expected_in_kafka_ += static_cast<std::int64_t>(ids.size());
    }
    // What is not whole will never be: the connection ends, and no deadline needs to pass.
    const std::string request = good_request("half");
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{10}, request.size() - 5}) {
        Connection connection = connect();
        connection.send(std::string_view(request).substr(0, bytes));
        connection.shut_down_sending();
        EXPECT_TRUE(connection.ends_within(soon)) << connection.unread();
    }
    // Refused, it still hears why.
    Connection connection = connect();
    connection.send("NONSENSE\r\n\r\n");
    connection.shut_down_sending();
    EXPECT_EQ(connection.receive(soon).status, 400);
    EXPECT_TRUE(connection.ends_within(soon));
}

/// Hundreds of connections that are reset before or at about the time of their answer, and honest clients
/// that get their descriptors right away, while the answers of those who left are still to come. Each honest
/// client checks that its answer names its own message, and the ledger that Kafka has what was acknowledged.
TEST_F(ConnectionAbuseTest, resetting_clients_never_leave_their_answer_to_the_next_one) {
    Pipeline pipeline;
    // Records linger for long, so that many answers are under way at any time.
    auto ingest = pipeline.start_ingest({{"ACTIVITY_INGEST_LINGER_MS", "20"}});
    Ledger ledger;
    std::atomic<int> resets{0}, answers{0};
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(6);
    const auto client = [&](unsigned seed) {
        std::mt19937 random(seed);
        // Between "not yet read" and "already answered"; and until the server has noticed.
        std::uniform_int_distribution<int> stay_us(0, 30'000), gap_us(0, 3'000);
        const auto open = [&](std::vector<Connection>& connections, const std::string& id) {
            ledger.sent(id);
            connections.emplace_back(pipeline.ingest());
            connections.back().send(good_request(id));
        };
        while (std::chrono::steady_clock::now() < end) {
            std::vector<Connection> doomed, honest;
            std::vector<std::string> ids;
            for (int i = 0; i < 20; ++i) open(doomed, harness::new_message_id());
            std::this_thread::sleep_for(std::chrono::microseconds(stay_us(random)));
            for (Connection& connection : doomed) connection.reset();
            resets += static_cast<int>(doomed.size());
            std::this_thread::sleep_for(std::chrono::microseconds(gap_us(random)));
            for (int i = 0; i < 20; ++i) open(honest, ids.emplace_back(harness::new_message_id()));
            for (std::size_t i = 0; i < honest.size(); ++i) {
                const Response response = honest[i].receive(soon);
                if (response.status != 202 || member(response, "messageId") != ids[i]) {
                    ledger.wrong_answer("asked for " + ids[i] + ", got " + response.body);
                    continue;
                }
                ledger.settle(ids[i], harness::Outcome::acknowledged);
                ++answers;
            }
            for (const Connection& connection : honest) {
                if (!connection.unread().empty())
                    ledger.wrong_answer("a second answer: " + connection.unread());
            }
        }
    };
    {
        std::vector<std::jthread> clients;
        for (unsigned seed = 0; seed < 6; ++seed)
            clients.emplace_back([&, seed] {
                try {
                    client(seed);
                } catch (const std::exception& error) {
                    ledger.wrong_answer(error.what());
                }
            });
    }
    std::cout << resets << " resets, " << answers << " answers\n";
    EXPECT_GT(resets, 500);
    EXPECT_GT(answers, 500);
    const auto wrong = ledger.wrong_answers();
    EXPECT_TRUE(wrong.empty()) << wrong.size() << ", the first: " << wrong.front();
    harness::wait_until("all connections are gone",
                        [&] { return ingest.metric("activity_ingest_connections") == 0; });
    harness::wait_until("the producer's queue is empty",
                        [&] { return ingest.metric("activity_ingest_queue_messages") == 0; });
    std::map<std::string, int> in_kafka;
    for (const auto& record : pipeline.kafka().read(pipeline.topic("live-class"))) {
        ++in_kafka[record.header("message-id")];
    }
    for (const auto& [id, outcome] : ledger.outcomes()) {
        const int copies = in_kafka.contains(id) ? in_kafka.at(id) : 0;
        EXPECT_LE(copies, 1) << id;
        if (outcome == harness::Outcome::acknowledged) {
            EXPECT_EQ(copies, 1) << id << " was acknowledged";
        }
    }
}

}  // namespace
}  // namespace activity::front_door
