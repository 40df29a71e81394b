#pragma once

#include <memory>
#include <string>
#include <vector>

#include "deploy/stack/harness/kafka_server.h"
#include "deploy/stack/harness/kafka_view.h"
#include "deploy/stack/harness/ledger.h"
#include "deploy/stack/harness/load.h"
#include "deploy/stack/harness/postgres_server.h"
#include "deploy/stack/harness/programs.h"

namespace activity::harness {

/// The servers that all tests of one program share. Started by the harness's main.
struct Servers {
    KafkaServer kafka;
    PostgresServer postgres;
};
Servers& servers();

/// Where a program runs: what its command line is put behind, and settings on top of the pipeline's own.
struct Place {
    std::vector<std::string> launcher;
    Environment settings;
};

/// A whole pipeline of a test's own on the shared servers: a prefix for topics and groups, a database, the
/// settings of its programs. Declare the programs that it starts after it, so that they end before it does.
class Pipeline {
  public:
    /// On another Kafka than the shared one, if `bootstrap` names it.
    explicit Pipeline(std::string bootstrap = servers().kafka.bootstrap());
    ~Pipeline();
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;

    /// Always on the same port, so that clients find it again. `settings` on top of the pipeline's own.
    Program start_ingest(const Environment& settings = {}) const;
    /// `place.settings` name the address. Neither waits until the program is ready.
    Program launch_ingest_at(const Place& place) const;
    Program launch_worker_at(const Place& place, const std::string& groups = "records") const;
    Endpoint ingest() const { return {"127.0.0.1", ingest_port_}; }
    /// `groups` as --group takes them: one, several with commas between, or all.
    Program start_worker(const Environment& settings = {}, int threads = 1,
                         const std::string& groups = "records") const;
    /// Without waiting until it has joined.
    Program launch_worker(const Environment& settings = {}, int threads = 1,
                          const std::string& groups = "records") const;
    /// A program on the workers' library with groups of its own, with a worker's settings.
    Program start_own_worker(const std::string& program, const Environment& settings = {}) const;
    /// What a program needs to find this pipeline's topics.
    Environment common() const;
    /// activityctl with this pipeline's settings; what it wrote.
    std::string activityctl(std::vector<std::string> arguments) const;

    std::string topic(const std::string& name) const { return prefix_ + "." + name; }
    const std::vector<std::string>& event_topics() const { return event_topics_; }
    std::string dead_letter_topic(const std::string& group = "records") const {
        return topic(group + ".dead-letter");
    }
    /// Kafka's ID of a group.
    std::string group(const std::string& name = "records") const { return prefix_ + "-activity-" + name; }
    const std::string& database() const { return database_; }
    std::string url(PostgresServer::As role) const;

    KafkaView& kafka() { return *kafka_; }
    Session session(PostgresServer::As role = PostgresServer::As::superuser) const {
        return Session(url(role));
    }
    std::int64_t stored() const;

    /// Whether PostgreSQL's offsets say that a group has dealt with everything in the topics, and that
    /// nothing of it waits in a retry topic.
    bool caught_up(const std::string& group = "records");
    void wait_caught_up(std::chrono::milliseconds timeout = patience_for_backlog,
                        const std::string& group = "records");
    /// How far the group is that is behind the others: the sum of its next offsets, which grows whenever a
    /// worker commits for it.
    std::int64_t progress() const;

    static constexpr std::chrono::minutes patience_for_backlog{3};

  private:
    Process::Command ingest_command(std::vector<std::string> arguments, const Environment& settings) const;
    Process::Command worker_command(std::vector<std::string> arguments, const Environment& settings) const;
    bool caught_up(const std::string& group_id, const std::vector<std::string>& topics);

    std::string bootstrap_;
    std::string prefix_;
    std::string database_;
    Directory directory_;
    std::uint16_t ingest_port_;
    std::vector<std::string> event_topics_;
    std::unique_ptr<KafkaView> kafka_;
    mutable int started_ = 0;
};

/// The fault matrix's four rules, as gtest expectations. Waits until the workers have caught up, then:
/// every acknowledged message is stored; none is stored twice; what is stored was sent and not refused;
/// PostgreSQL's offsets are Kafka's ends; nothing is in the dead-letter topic; no answer was wrong.
void expect_ledger_holds(Pipeline& pipeline, const Ledger& ledger);

}  // namespace activity::harness
