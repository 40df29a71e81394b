#include <unistd.h>
#include <algorithm>
#include <iostream>
#include <memory>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/record_text.h"
#include "deploy/activityctl/start_position.h"
#include "deploy/activityctl/terminal.h"
#include "schemas/wire/consumer.h"

namespace activity::ctl::commands {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

/// How often what was printed is committed.
constexpr auto commit_interval = 1s;
/// A member that was killed keeps its partitions for that long.
constexpr auto session_timeout = 10s;

struct Arguments {
    std::vector<std::string> topics;
    std::string group;
    std::string from = "beginning";
    int partition = -1;
    std::int64_t max = 0;
    bool until_end = false;
    std::string format = "text";
    bool yes = false;
};

using Offsets = std::map<wire::TopicPartition, std::int64_t>;

class Printer {
  public:
    explicit Printer(std::string format) : format_(std::move(format)) {}

    void print(const wire::InboundRecord& record) {
        if (format_ == "value") {
            std::cout << record.value() << '\n';
            return;
        }
        const ShownRecord shown{record.topic(), record.partition(), record.offset(), record.timestamp_ms(),
                                record.key(),   record.headers(),   record.value()};
        std::cout << (format_ == "json" ? text_.json(shown) : text_.text(shown));
    }

    /// Must come before a commit. False if nobody reads any more.
    static bool flush() { return std::cout.flush() && !reader_has_gone(); }

  private:
    std::string format_;
    RecordText text_;
};

/// Reads until it is told to stop: partitions of its own choice, or as a member of a group.
class Reading {
  public:
    Reading(const Context& context, const Arguments& arguments)
        : context_(context),
          arguments_(arguments),
          start_(parse_start_position(arguments.from)),
          admin_(context.admin()),
          partitions_(find_partitions()),
          marks_(admin_.watermarks(partitions_)),
          consumer_(settings()),
          printer_(arguments.format) {}

    int run() {
        if (arguments_.group.empty()) {
            assign(partitions_);
        } else {
            std::vector<std::string> topics;
            for (const auto& partition : partitions_) {
                if (topics.empty() || topics.back() != partition.topic) topics.push_back(partition.topic);
            }
            consumer_.subscribe(topics);
        }
        heard_ = steady_clock::now();
        while (!interrupted() && !done()) {
            auto polled = consumer_.poll(100ms);
            std::visit([this](auto& event) { handle(event); }, polled);
            if (steady_clock::now() - committed_ >= commit_interval) commit();
        }
        commit();
        consumer_.close();
        std::cerr << printed_ << (printed_ == 1 ? " record\n" : " records\n");
        return exit_ok;
    }

  private:
    wire::ConsumerSettings settings() const {
        wire::ConsumerSettings settings;
        settings.cluster = context_.cluster();
        // Without --group the name is only there because librdkafka wants one: nothing joins and nothing
        // commits.
        settings.group =
            arguments_.group.empty() ? "activityctl-" + std::to_string(getpid()) : arguments_.group;
        settings.session_timeout = session_timeout;
        return settings;
    }

    std::vector<wire::TopicPartition> find_partitions() {
        std::vector<wire::TopicPartition> partitions;
        for (const auto& name : arguments_.topics) {
            const auto topic = admin_.describe_topic(context_.topic(name));
            if (!topic) {
                throw CommandError("there is no topic " + context_.topic(name) +
                                   "; 'activityctl topics list --all' shows what there is");
            }
            bool found = false;
            for (const auto& partition : topic->partitions) {
                if (arguments_.partition >= 0 && partition.partition != arguments_.partition) continue;
                partitions.push_back({topic->name, partition.partition});
                found = true;
            }
            if (!found) {
                throw CommandError(topic->name + " has the partitions 0 to " +
                                   std::to_string(topic->partitions.size() - 1) + ", not " +
                                   std::to_string(arguments_.partition));
            }
        }
        std::ranges::sort(partitions);
        partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
        return partitions;
    }

    /// Where --from lies in each partition.
    Offsets start_offsets(const std::vector<wire::TopicPartition>& partitions) {
        if (const auto* time = std::get_if<FromTime>(&start_))
            return admin_.offsets_at(partitions, time->time);
        Offsets offsets;
        for (const auto& partition : partitions) {
            const auto& marks = marks_[partition];
            if (const auto* from = std::get_if<FromOffset>(&start_)) {
                offsets[partition] = std::clamp(from->offset, marks.oldest, marks.next);
                if (offsets[partition] != from->offset) {
                    std::cerr << partition.topic << " [" << partition.partition << "] has the offsets "
                              << marks.oldest << " to " << marks.next - 1 << ", not " << from->offset
                              << "; reading from " << offsets[partition] << '\n';
                }
            } else {
                offsets[partition] = std::holds_alternative<FromEnd>(start_) ? marks.next : marks.oldest;
            }
        }
        return offsets;
    }

    void assign(const std::vector<wire::TopicPartition>& partitions) {
        auto offsets = start_offsets(partitions);
        if (!arguments_.group.empty()) {
            for (const auto& [partition, committed] : admin_.group_offsets(arguments_.group)) {
                const auto assigned = offsets.find(partition);
                if (assigned != offsets.end())
                    assigned->second = std::max(committed, marks_[partition].oldest);
            }
        }
        std::vector<wire::PartitionOffset> starts;
        for (const auto& [partition, offset] : offsets) starts.push_back({partition, offset});
        next_ = std::move(offsets);
        uncommitted_.clear();
        assigned_ = true;
        consumer_.assign(starts);
    }

    bool done() const {
        if (arguments_.max > 0 && printed_ >= arguments_.max) return true;
        if (nobody_reads_) return true;
        if (!arguments_.until_end || !assigned_) return false;
        return std::ranges::all_of(
            next_, [this](const auto& entry) { return entry.second >= marks_.at(entry.first).next; });
    }

    void commit() {
        committed_ = steady_clock::now();
        nobody_reads_ = nobody_reads_ || !Printer::flush();
        if (arguments_.group.empty() || nobody_reads_ || uncommitted_.empty()) return;
        std::vector<wire::PartitionOffset> offsets;
        for (const auto& [partition, next] : uncommitted_) offsets.push_back({partition, next});
        consumer_.commit_async(offsets);
        uncommitted_.clear();
    }

    void handle(const wire::InboundRecord& record) {
        heard_ = steady_clock::now();
        const wire::TopicPartition partition{std::string(record.topic()), record.partition()};
        next_[partition] = record.offset() + 1;
        // What came after the end that --until-end means belongs to the next run.
        if (arguments_.until_end && record.offset() >= marks_[partition].next) return;
        printer_.print(record);
        ++printed_;
        uncommitted_[partition] = record.offset() + 1;
    }

    void handle(const wire::Nothing&) {
        // For a person who watches, what came so far must be seen.
        nobody_reads_ = nobody_reads_ || !Printer::flush();
        if (arguments_.until_end && assigned_ && steady_clock::now() - heard_ > context_.timeout()) {
            throw CommandError("no more records within " +
                               std::to_string(static_cast<int>(context_.timeout_s)) +
                               " s, although the end is not reached; is a broker down, or the topic "
                               "compacted? ('activityctl topics "
                               "describe' shows leaders)");
        }
    }

    void handle(const wire::Assigned& assigned) {
        heard_ = steady_clock::now();
        // Partitions that were added since the start have no watermarks yet.
        for (const auto& [partition, marks] : admin_.watermarks(assigned.partitions))
            marks_.try_emplace(partition, marks);
        assign(assigned.partitions);
    }

    void handle(const wire::Revoked& revoked) {
        if (!revoked.lost) commit();
        uncommitted_.clear();
        next_.clear();
        assigned_ = false;
        consumer_.unassign();
    }

    void handle(const wire::PollFailure& failure) {
        if (failure.fatal) throw CommandError(failure.what);
        if (!failure.offset_out_of_range) {
            std::cerr << failure.what << '\n';
            return;
        }
        const auto marks = admin_.watermarks({failure.partition}).at(failure.partition);
        std::cerr << failure.partition.topic << " [" << failure.partition.partition
                  << "]: Kafka has deleted the next records meanwhile; going on at offset " << marks.oldest
                  << '\n';
        next_[failure.partition] = marks.oldest;
        consumer_.seek({failure.partition, marks.oldest});
    }

    const Context& context_;
    const Arguments& arguments_;
    StartPosition start_;
    wire::Admin admin_;
    std::vector<wire::TopicPartition> partitions_;
    std::map<wire::TopicPartition, wire::Watermarks>
        marks_;  ///< as of the start: the end that --until-end means
    wire::Consumer consumer_;
    Printer printer_;

    bool assigned_ = false;
    Offsets next_;         ///< of the partitions that are assigned
    Offsets uncommitted_;  ///< printed since the last commit
    steady_clock::time_point heard_;
    steady_clock::time_point committed_ = steady_clock::now();
    std::int64_t printed_ = 0;
    bool nobody_reads_ = false;
};

int consume(const Context& context, const Arguments& arguments) {
    if (!arguments.group.empty() && arguments.partition >= 0) {
        throw UsageError(
            "--partition and --group exclude each other: in a group Kafka deals out the partitions");
    }
    if (arguments.group.starts_with(context.worker_group("")) && !arguments.yes) {
        throw UsageError("'" + arguments.group +
                         "' is a group of workers: joining it would take partitions away from them. "
                         "Take another name, or --yes");
    }
    catch_interrupts();
    return Reading(context, arguments).run();
}

}  // namespace

void add_consume(CLI::App& app, Context& context) {
    auto& command =
        *app.add_subcommand("consume", "Print records, from any place, alone or as a member of a group");
    const auto arguments = std::make_shared<Arguments>();
    command.add_option("topic", arguments->topics, "Topics, with or without the prefix")->required();
    command.add_option(
        "--group", arguments->group,
        "Join this group and commit what was printed; without it nothing is left behind in Kafka");
    command
        .add_option("--from", arguments->from,
                    "beginning, end, a time (2026-11-21T14:28:00Z) or an offset; in a group only where it "
                    "has committed nothing yet")
        ->capture_default_str();
    command.add_option("--partition", arguments->partition, "Only this partition")
        ->check(CLI::Range(0, 100'000));
    command.add_option("--max", arguments->max, "Stop after that many records")
        ->check(CLI::Range(std::int64_t{1}, INT64_MAX));
    command.add_flag("--until-end", arguments->until_end,
                     "Stop where the topics ended when this started; otherwise wait for more");
    command
        .add_option("--format", arguments->format,
                    "text for people, json for programs, value: nothing but the values")
        ->capture_default_str()
        ->check(CLI::IsMember({"text", "json", "value"}));
    command.add_flag("--yes", arguments->yes, "Join even a group of workers");
    add_exact(command, context);
    add_timeout(command, context);
    command.footer("Ctrl-C ends it.");
    on_run(command, context, [&context, arguments] { return consume(context, *arguments); });
}

}  // namespace activity::ctl::commands
