// activity-loadtest as its user runs it, against the real pipeline: everything that it sent is accounted for;
// and behind a proxy that drops, makes up and lies about a few events, it finds exactly these.

#include <gtest/gtest.h>
#include <simdjson.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "loadtest/client/test_server.h"
#include "schemas/activity/timestamp.h"
#include "schemas/activity/uuid.h"

namespace activity::loadtest {
namespace {

using harness::Environment;
using harness::Pipeline;
using harness::PostgresServer;
using testing_loadtest::Peer;
using testing_loadtest::Server;

/// Between the generator and ingest, one connection each. Of every so many events, one is never sent on but
/// said to be accepted, one comes with a companion that nobody sent, and one is accepted but said to be
/// refused.
class MischievousProxy {
  public:
    MischievousProxy(harness::Endpoint ingest, int every)
        : ingest_(std::move(ingest)), every_(every), server_([this](Peer& peer) { serve(peer); }) {}

    std::string url() const { return "http://" + server_.address().text; }
    std::atomic<std::uint64_t> dropped = 0, made_up = 0, lied = 0;

  private:
    void serve(Peer& peer) {
        harness::Connection ingest(ingest_);
        for (auto request = peer.request(); !request.empty(); request = peer.request()) {
            const auto id = request.substr(request.find(R"("messageId":")") + 13, 36);
            const int turn = ++turn_ % every_;
            if (turn == 1) {
                ++dropped;
                peer.say(answer(202, R"({"results":[{"messageId":")" + id + R"(","status":"accepted"}]})"));
                continue;
            }
            if (turn == 2) {
                auto another = request;
                another.replace(another.find(id), id.size(), new_uuid_v7(now()));
                ingest.send(another);
                if (ingest.receive().status == 202) ++made_up;
            }
            ingest.send(request);
            const auto response = ingest.receive();
            if (turn == 3 && response.status == 202) {
                ++lied;
                peer.say(answer(400, R"({"results":[{"messageId":")" + id + R"(","status":"rejected"}]})"));
                continue;
            }
            peer.say(answer(static_cast<int>(response.status), response.body));
        }
    }

    static std::string answer(int status, const std::string& body) {
        return "HTTP/1.1 " + std::to_string(status) +
               " Word\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }

    harness::Endpoint ingest_;
    int every_;
    std::atomic<int> turn_ = 0;
    Server server_;
};

class HonestyTest : public ::testing::Test {
  protected:
    /// activity-loadtest with the pipeline's settings; its exit code.
    int loadtest(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), harness::program_path("activity-loadtest"));
        auto environment = pipeline_.common();
        environment["ACTIVITY_POSTGRES_URL"] = pipeline_.url(PostgresServer::As::superuser);
        environment["ACTIVITY_TOPIC_PREFIX"] = pipeline_.topic("");
        harness::Process process({std::move(arguments), environment, directory_.path() / "loadtest.log"});
        const auto ended = process.wait(std::chrono::minutes(3));
        output_ = process.output();
        return ended ? ended->code : -1;
    }

    std::vector<std::string> run(const std::string& target, const std::vector<std::string>& more) const {
        std::vector<std::string> arguments{"run", "--target", target, "--source",
                                           std::string("web=") + harness::write_key, "--out", run_,
                                           // Whether the machine is quick is not what is tested.
                                           "--p99-max", "60000"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return arguments;
    }

    /// A number of run.json, by JSON pointer.
    std::uint64_t number(const std::string& place) {
        simdjson::dom::parser parser;
        return std::uint64_t(parser.load(run_ + "/run.json").at_pointer(place));
    }

    Pipeline pipeline_;
    harness::Program ingest_ = pipeline_.start_ingest();
    harness::Program worker_ = pipeline_.start_worker({}, 1, "all");
    harness::Directory directory_{"honesty"};
    std::string run_ = directory_.path() / "run";
    std::string output_;
};

TEST_F(HonestyTest, a_whole_run_holds_and_makes_a_page) {
    const auto target = "http://127.0.0.1:" + std::to_string(pipeline_.ingest().port);
    loadtest(run(target, {"--preset", "10x", "--phase", "quiet=hold:200:3", "--phase",
                          "rush=spike:100:1500:5", "--duplicates", "0.05", "--bad", "0.01"}));
    ASSERT_TRUE(std::filesystem::exists(run_ + "/run.json")) << output_;
    ASSERT_EQ(loadtest({"verify", run_, "--fresh"}), 0) << output_;
    EXPECT_GT(number("/ledger/acknowledged"), 1'500u);
    EXPECT_GT(number("/ledger/refused"), 0u);
    EXPECT_EQ(number("/ledger/stored"), number("/ledger/acknowledged") + number("/ledger/unknown_stored"));
    EXPECT_EQ(number("/phases/0/counts/refused_unexpected") + number("/phases/1/counts/refused_unexpected"),
              0u);
    EXPECT_EQ(number("/phases/0/counts/accepted_unexpected") + number("/phases/1/counts/accepted_unexpected"),
              0u);
    EXPECT_GT(number("/phases/1/counts/duplicates"), 0u);

    ASSERT_EQ(loadtest({"report", run_ + "/run.json"}), 0) << output_;
    const auto page = harness::read_file(run_ + "/report.html");
    EXPECT_NE(page.find("lost 0, double 0"), std::string::npos);
    EXPECT_EQ(page.find("/*@"), page.find("/*@NAME@*/")) << "a placeholder was left";
    EXPECT_EQ(loadtest({"compare", run_ + "/run.json", run_ + "/run.json"}), 0) << output_;
}

TEST_F(HonestyTest, finds_exactly_what_a_proxy_did) {
    MischievousProxy proxy(pipeline_.ingest(), 500);
    loadtest(run(proxy.url(), {"--preset", "weekday", "--phase", "hold=hold:500:6", "--duplicates", "0",
                               "--bad", "0", "--connections", "16"}));
    ASSERT_TRUE(std::filesystem::exists(run_ + "/run.json")) << output_;
    EXPECT_EQ(loadtest({"verify", run_, "--fresh"}), 1) << output_;
    ASSERT_GT(proxy.dropped, 0u);
    ASSERT_GT(proxy.made_up, 0u);
    ASSERT_GT(proxy.lied, 0u);
    EXPECT_EQ(number("/ledger/lost"), proxy.dropped);
    EXPECT_EQ(number("/ledger/never_sent"), proxy.made_up);
    EXPECT_EQ(number("/ledger/refused_stored"), proxy.lied);
    EXPECT_EQ(number("/ledger/double"), 0u);
    EXPECT_EQ(number("/phases/0/counts/refused_unexpected"), proxy.lied);
}

TEST_F(HonestyTest, only_loads_what_its_user_names) {
    EXPECT_EQ(loadtest(run("http://192.0.2.1:80", {"--phase", "hold=hold:1:1"})), 2);
    EXPECT_NE(output_.find("is another machine: only if it is yours to load, say --allow 192.0.2.1"),
              std::string::npos)
        << output_;
}

}  // namespace
}  // namespace activity::loadtest
