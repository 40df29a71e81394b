// Kafka stands still, and the queue before it is full (row 30): clients hear at once when to come again,
// memory stays where it was, and when Kafka goes on, so do they.

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ingest/tests/front_door.h"

namespace activity::front_door {
namespace {

/// Clients that send batches of about 80 KB all the time, and count what they hear.
class EagerClients {
  public:
    EagerClients(const Pipeline& pipeline, Ledger& ledger) {
        for (int number = 0; number < 32; ++number) {
            threads_.emplace_back(
                [this, &ledger, number, endpoint = pipeline.ingest()](const std::stop_token& stop) {
                    harness::Client client(endpoint, ledger);
                    const std::string properties = R"({"answer":")" + std::string(8'000, 'x') + "\"}";
                    const std::string learner = "learner " + std::to_string(number);
                    while (!stop.stop_requested()) {
                        std::vector<harness::ClientEvent> events;
                        for (int i = 0; i < 10; ++i) {
                            events.push_back(harness::track(harness::new_message_id(), learner,
                                                            "Assignment Submitted", properties));
                        }
                        count(client.send(events));
                        std::this_thread::sleep_for(std::chrono::milliseconds(50));
                    }
                });
        }
    }

    std::atomic<int> accepted{0}, queue_full{0}, not_confirmed{0}, others{0};

  private:
    void count(const std::optional<Response>& response) {
        const std::string code = response ? member(*response, "code") : "";
        if (response && response->status == 202) {
            ++accepted;
        } else if (code == "queue_full" && response->status == 503 &&
                   response->header("retry-after") == "1") {
            ++queue_full;
        } else if (code == "not_confirmed" && response->status == 503 &&
                   response->header("retry-after") == "5") {
            ++not_confirmed;
        } else {
            ++others;
        }
    }

    std::vector<std::jthread> threads_;
};

TEST(FullQueueTest, says_when_to_come_again_keeps_its_memory_and_recovers) {
    Pipeline pipeline;
    Ledger ledger;
    auto ingest = pipeline.start_ingest(
        {{"ACTIVITY_INGEST_QUEUE_MESSAGES_MAX", "200"}, {"ACTIVITY_INGEST_ACK_TIMEOUT_MS", "3000"}});
    auto worker = pipeline.start_worker();
    {
        EagerClients clients(pipeline, ledger);
        wait_until("clients are served", [&] { return clients.accepted > 200; });
        const std::size_t resident_before = ingest.process().resident_bytes();
        harness::servers().kafka.freeze();
        wait_until("some wait in vain, and the others find the queue full",
                   [&] { return clients.not_confirmed > 0 && clients.queue_full > 1'000; });
        EXPECT_LE(ingest.metric("activity_ingest_queue_messages"), 200);
        EXPECT_GT(ingest.metric("activity_ingest_requests_total", "503"), 1'000);
        // A page's script can read the refusal and its Retry-After.
        Connection page(pipeline.ingest());
        const std::string id = harness::new_message_id();
        ledger.sent(id);
        page.send(good_request(id, {{"Origin", "http://localhost:3000"}}));
        const Response refusal = page.receive(soon);
        EXPECT_EQ(refusal.status, 503) << refusal.body;
        EXPECT_EQ(refusal.header("access-control-allow-origin"), "http://localhost:3000");
        EXPECT_NE(refusal.header("access-control-expose-headers").find("retry-after"), std::string::npos);
        // What does not need Kafka is answered.
        page.send(http_request("GET", "/health"));
        EXPECT_EQ(page.receive(soon).status, 200);
        const std::size_t resident = ingest.process().resident_bytes();
        const int accepted = clients.accepted;
        harness::servers().kafka.thaw();
        wait_until("clients are served again", [&] { return clients.accepted > accepted + 200; });
        std::cout << clients.accepted << " × 202, " << clients.queue_full << " × queue_full, "
                  << clients.not_confirmed << " × not_confirmed; " << resident_before / mebibyte
                  << " MB, then " << resident / mebibyte << " MB\n";
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        EXPECT_LT(resident, resident_before + 32 * mebibyte);
#endif
        EXPECT_EQ(clients.others, 0) << "something else than 202, or 503 with Retry-After";
    }
    wait_until("the producer's queue is empty",
               [&] { return ingest.metric("activity_ingest_queue_messages") == 0; });
    harness::expect_ledger_holds(pipeline, ledger);
}

}  // namespace
}  // namespace activity::front_door
