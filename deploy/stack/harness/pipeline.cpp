#include "deploy/stack/harness/pipeline.h"

#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <atomic>
#include <set>

#include "deploy/stack/harness/wait.h"
#include "schemas/wire/group_topics.h"

namespace activity::harness {
namespace {

std::string sha256_hex(const std::string& text) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
    std::string result;
    for (const unsigned char byte : digest) {
        constexpr char digits[] = "0123456789abcdef";
        result += digits[byte >> 4];
        result += digits[byte & 15];
    }
    return result;
}

std::string next_prefix() {
    static std::atomic<int> number{0};
    return "t" + std::to_string(++number);
}

/// A failure's text: how many, and the first few.
class Examples {
  public:
    void add(const std::string& example) {
        if (++count_ <= 5) text_ += "\n  " + example;
    }
    std::size_t count() const { return count_; }
    const std::string& text() const { return text_; }

  private:
    std::size_t count_ = 0;
    std::string text_;
};

}  // namespace

Pipeline::Pipeline(std::string bootstrap)
    : bootstrap_(std::move(bootstrap)),
      prefix_(next_prefix()),
      database_("activity_" + prefix_),
      directory_(prefix_),
      ingest_port_(free_port()),
      kafka_(std::make_unique<KafkaView>(bootstrap_)) {
    write_file(directory_.path() / "sources.toml",
               "[[source]]\nname = \"web\"\nkeys = [{ sha256 = \"" + sha256_hex(write_key) +
                   "\" }]\norigins = [\"http://127.0.0.1:*\", \"http://localhost:*\", "
                   "\"http://school.test:*\"]\n\n[[source]]\nname = \"app\"\nkeys = [{ sha256 = \"" +
                   sha256_hex(app_write_key) +
                   "\" }]\n\n[[source]]\nname = "
                   "\"revoked\"\nenabled = false\nkeys = [{ sha256 = \"" +
                   sha256_hex("revoked-write-key") + "\" }]\n");
    servers().postgres.create_database(database_);
    activityctl({"topics", "apply", "--timeout", "90"});
    for (const std::string& name : kafka_->topics(prefix_ + "."))
        if (!name.ends_with(".dead-letter") && name.find(".retry-") == std::string::npos &&
            name != topic("rejected") && name != topic("profiles"))
            event_topics_.push_back(name);
}

Pipeline::~Pipeline() {
    try {
        servers().postgres.drop_database(database_);
    } catch (const std::exception&) {
        // A test that failed while PostgreSQL was down: the whole cluster goes anyway.
    }
}

Environment Pipeline::common() const {
    return {{"ACTIVITY_KAFKA_BOOTSTRAP", bootstrap_},
            {"ACTIVITY_TOPIC_PREFIX", prefix_ + "."},
            {"ACTIVITY_ADMIN_ADDRESS", "127.0.0.1:0"}};
}

Program Pipeline::start_ingest(const Environment& settings) const {
    return Program("ingest", ingest_command({ingest_program()}, settings));
}

Program Pipeline::launch_ingest_at(const Place& place) const {
    auto arguments = place.launcher;
    arguments.push_back(ingest_program());
    return Program::unready("ingest", ingest_command(std::move(arguments), place.settings));
}

Program Pipeline::launch_worker_at(const Place& place, const std::string& groups) const {
    auto arguments = place.launcher;
    arguments.insert(arguments.end(), {worker_program(), "--group", groups});
    return Program::unready("worker", worker_command(std::move(arguments), place.settings));
}

Process::Command Pipeline::ingest_command(std::vector<std::string> arguments,
                                          const Environment& settings) const {
    Environment environment = settings;
    environment.merge(common());
    environment.insert({{"ACTIVITY_INGEST_ADDRESS", ingest().text()},
                        {"ACTIVITY_INGEST_THREADS", "2"},
                        {"ACTIVITY_SOURCES", directory_.path() / "sources.toml"}});
    return {std::move(arguments), environment,
            directory_.path() / ("ingest-" + std::to_string(++started_) + ".log")};
}

Process::Command Pipeline::worker_command(std::vector<std::string> arguments,
                                          const Environment& settings) const {
    Environment environment = settings;
    environment.merge(common());
    environment.insert({{"ACTIVITY_POSTGRES_URL", url(PostgresServer::As::worker)},
                        {"ACTIVITY_GROUP_PREFIX", prefix_ + "-"}});
    return {std::move(arguments), environment,
            directory_.path() / ("worker-" + std::to_string(++started_) + ".log")};
}

Program Pipeline::start_worker(const Environment& settings, int threads, const std::string& groups) const {
    Program worker = launch_worker(settings, threads, groups);
    worker.wait_ready();
    return worker;
}

Program Pipeline::launch_worker(const Environment& settings, int threads, const std::string& groups) const {
    return Program::unready(
        "worker", worker_command({worker_program(), "--group", groups, "--threads", std::to_string(threads)},
                                 settings));
}

Program Pipeline::start_own_worker(const std::string& program, const Environment& settings) const {
    return Program(program, worker_command({program_path(program)}, settings));
}

std::string Pipeline::activityctl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), activityctl_program());
    Environment environment = common();
    environment.insert({{"ACTIVITY_POSTGRES_URL", url(PostgresServer::As::owner)},
                        {"ACTIVITY_GROUP_PREFIX", prefix_ + "-"}});
    environment.erase("ACTIVITY_ADMIN_ADDRESS");
    return run({std::move(arguments), environment, directory_.path() / "activityctl.log"});
}

std::string Pipeline::url(PostgresServer::As role) const {
    return servers().postgres.url(database_, role);
}

std::int64_t Pipeline::stored() const {
    return session().number("SELECT count(*) FROM activity.event");
}

std::int64_t Pipeline::progress() const {
    // With what belongs to it: its retries, its lane for the newest.
    return session().number(
        "SELECT coalesce(min(offsets), 0) FROM (SELECT sum(next_offset) AS offsets FROM activity.part_offset "
        "GROUP BY split_part(grp, '.', 1)) AS of_group");
}

bool Pipeline::caught_up(const std::string& group_id, const std::vector<std::string>& topics) {
    std::map<KafkaPartition, std::int64_t> next_offsets;
    for (const auto& row : session().query(
             "SELECT topic, part, next_offset FROM activity.part_offset WHERE grp = '" + group_id + "'"))
        next_offsets[{row[0].as<std::string>(), row[1].as<int>()}] = row[2].as<std::int64_t>();
    for (const auto& [partition, end] : kafka_->ends(topics)) {
        const auto found = next_offsets.find(partition);
        const std::int64_t next = found == next_offsets.end() ? 0 : found->second;
        if (next > end) throw std::logic_error(partition.topic + ": PostgreSQL is beyond Kafka's end");
        if (next != end) return false;
    }
    return true;
}

bool Pipeline::caught_up(const std::string& name) {
    std::vector<std::string> retries;
    for (int tier = 1; tier <= wire::retry_tiers; ++tier)
        retries.push_back(wire::retry_topic(prefix_ + ".", name, tier));
    return caught_up(group(name), event_topics_) && caught_up(group(name) + ".retry", retries);
}

void Pipeline::wait_caught_up(std::chrono::milliseconds timeout, const std::string& group) {
    wait_until(
        "the workers of " + group + " have caught up", [&] { return caught_up(group); }, timeout,
        std::chrono::milliseconds(50));
}

void expect_ledger_holds(Pipeline& pipeline, const Ledger& ledger) {
    pipeline.wait_caught_up();

    // Read as analysts do.
    std::map<std::string, int> stored;
    for (const auto& row :
         pipeline.session(PostgresServer::As::analyst).query("SELECT message_id FROM analytics.event"))
        ++stored[row[0].as<std::string>()];
    const auto outcomes = ledger.outcomes();

    Examples lost, doubled, never_sent, refused;
    for (const auto& [message_id, outcome] : outcomes)
        if (outcome == Outcome::acknowledged && !stored.contains(message_id)) lost.add(message_id);
    for (const auto& [message_id, rows] : stored) {
        if (rows != 1) doubled.add(message_id + " × " + std::to_string(rows));
        const auto found = outcomes.find(message_id);
        if (found == outcomes.end()) {
            never_sent.add(message_id);
        } else if (found->second == Outcome::refused) {
            refused.add(message_id);
        }
    }
    EXPECT_EQ(lost.count(), 0u) << "acknowledged, but not stored:" << lost.text();
    EXPECT_EQ(doubled.count(), 0u) << "stored more than once:" << doubled.text();
    EXPECT_EQ(never_sent.count(), 0u) << "stored, but never sent:" << never_sent.text();
    EXPECT_EQ(refused.count(), 0u) << "refused, but stored:" << refused.text();
    EXPECT_EQ(pipeline.kafka().written({pipeline.dead_letter_topic()}), 0) << "dead letters of valid events";
    EXPECT_EQ(ledger.wrong_answers(), std::vector<std::string>{});
}

}  // namespace activity::harness
