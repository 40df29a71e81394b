// PostgreSQL has no room left: the worker pauses, and goes on by itself once there is some. Needs root.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "workers/tests/answers.h"

namespace activity {
namespace {

using harness::Ledger;
using harness::Load;
using harness::Outcome;
using harness::Pipeline;
using harness::servers;
using harness::wait_until;

/// A file system of 192 MB that only PostgreSQL's processes see, and that ends with them.
class SmallDisk {
  public:
    SmallDisk() {
        std::filesystem::permissions(directory_.path(), std::filesystem::perms::all);
        const std::string mount =
            "mount -t tmpfs -o size=192m,mode=0777 none '" + directory_.path().string() + "' && exec \"$@\"";
        servers().postgres.stop();
        servers().postgres.start(
            {.launcher = {"/usr/bin/unshare", "--mount", "/bin/sh", "-c", mount, "sh"}, .also_listen = ""});
        seen_from_here_ =
            "/proc/" + std::to_string(servers().postgres.pid()) + "/root" + directory_.path().string();
        std::filesystem::create_directory(seen_from_here_ / "space");
        // A tablespace's directory must be the server's own.
        struct stat server {};
        const std::string process = "/proc/" + std::to_string(servers().postgres.pid());
        if (::stat(process.c_str(), &server) != 0 ||
            ::chown((seen_from_here_ / "space").c_str(), server.st_uid, server.st_gid) != 0)
            throw std::runtime_error("cannot give PostgreSQL its space");
    }

    /// As PostgreSQL knows it.
    std::string space() const { return directory_.path() / "space"; }

    void fill() const {
        std::ofstream ballast(seen_from_here_ / "ballast", std::ios::binary);
        const std::string block(4'096, 'x');
        while (ballast.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
        }
    }
    void make_room() const { std::filesystem::remove(seen_from_here_ / "ballast"); }

  private:
    harness::Directory directory_{"small-disk"};
    std::filesystem::path seen_from_here_;
};

TEST(DiskFullTest, the_worker_pauses_until_there_is_room) {
    if (geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    const SmallDisk disk;
    Pipeline pipeline;
    {
        harness::Session server(servers().postgres.url("postgres", harness::PostgresServer::As::superuser));
        pqxx::nontransaction work(server.connection());
        work.exec("CREATE TABLESPACE small LOCATION '" + disk.space() + "'");
        work.exec("ALTER DATABASE " + pipeline.database() + " SET TABLESPACE small");
    }
    Ledger ledger;
    const auto ingest = pipeline.start_ingest();
    auto worker = pipeline.start_worker({}, 1, "all");
    auto another_worker = pipeline.start_worker({}, 1, "all");
    Load load(pipeline.ingest(), ledger, {.events_per_request = 20, .requests_per_second = 100});
    wait_until("the workers store", [&] { return pipeline.stored() > 1'000; });

    disk.fill();
    wait_until("the workers say that they are paused",
               [&] { return !worker.is_ready() && !another_worker.is_ready(); });
    EXPECT_GT(worker.metric("activity_worker_paused"), 0);
    EXPECT_GT(worker.metric("activity_worker_transactions_failed_total", "kind=\"outage\""), 0);
    EXPECT_TRUE(worker.is_live());
    const std::size_t acknowledged = ledger.count(Outcome::acknowledged);
    std::this_thread::sleep_for(std::chrono::seconds(10));
    EXPECT_GT(ledger.count(Outcome::acknowledged), acknowledged + 1'000)
        << "the front door does not need PostgreSQL";

    disk.make_room();
    wait_until("the workers are ready again", [&] { return worker.is_ready() && another_worker.is_ready(); });
    load.stop();
    harness::expect_ledger_holds(pipeline, ledger);
    testing_workers::expect_answers_hold(pipeline);
    EXPECT_EQ(ledger.count(Outcome::acknowledged), ledger.size());
    EXPECT_EQ(worker.metric("activity_worker_records_retried_total"), 0) << "an outage never diverts";
}

}  // namespace
}  // namespace activity
