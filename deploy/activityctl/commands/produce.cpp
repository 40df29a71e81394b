#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/record_text.h"
#include "deploy/activityctl/terminal.h"
#include "schemas/wire/producer.h"

namespace activity::ctl::commands {
namespace {

using namespace std::chrono_literals;

/// After it a record counts as failed. Longer than a broker's restart takes.
constexpr auto delivery_timeout = 30s;
/// Lines that are shown when they can't be sent; of more only the number.
constexpr std::uint64_t mistakes_shown_max = 20;

struct Arguments {
    std::string topic;
    std::string key;
    std::vector<std::string> headers;
    int partition = -1;
    std::string format = "lines";
};

/// What became of the records. Reports come from the producer's thread.
class Deliveries {
  public:
    void add(std::span<const wire::DeliveryReport> reports) {
        const std::lock_guard lock(mutex_);
        for (const auto& report : reports) {
            if (report.persisted) {
                ++persisted_;
            } else {
                ++errors_[report.error];
            }
        }
        changed_.notify_all();
    }

    std::uint64_t persisted() const {
        const std::lock_guard lock(mutex_);
        return persisted_;
    }

    std::map<std::string, std::uint64_t> errors() const {
        const std::lock_guard lock(mutex_);
        return errors_;
    }

    /// Until something was delivered or failed, or a moment has passed.
    void wait_a_little() const {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 50ms);
    }

  private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::uint64_t persisted_ = 0;
    std::map<std::string, std::uint64_t> errors_;
};

wire::Headers parse_headers(const std::vector<std::string>& texts) {
    wire::Headers headers;
    for (const auto& text : texts) {
        const auto equals = text.find('=');
        if (equals == 0 || equals == std::string::npos)
            throw UsageError("--header must be name=value; it is '" + text + "'");
        headers.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return headers;
}

/// stdin, line by line. (getline(3) and not the stream's: it returns when a signal comes.)
class Lines {
  public:
    ~Lines() { std::free(buffer_); }  // NOLINT(cppcoreguidelines-no-malloc): getline's
    Lines() = default;
    Lines(const Lines&) = delete;
    Lines& operator=(const Lines&) = delete;

    std::optional<std::string_view> next() {
        const auto size = getline(&buffer_, &capacity_, stdin);
        if (size < 0) return std::nullopt;
        std::string_view line(buffer_, static_cast<std::size_t>(size));
        if (line.ends_with('\n')) line.remove_suffix(1);
        return line;
    }

  private:
    char* buffer_ = nullptr;
    std::size_t capacity_ = 0;
};

/// Waits while the queue is full. False if the record can't be sent at all.
bool publish(wire::Producer& producer, const wire::Record& record, const Deliveries& deliveries,
             std::string& mistake) {
    const auto deadline = std::chrono::steady_clock::now() + delivery_timeout;
    for (;;) {
        switch (producer.publish(record, 0)) {
            case wire::Enqueued::queued: return true;
            case wire::Enqueued::too_large: mistake = "the record is larger than Kafka takes"; return false;
            case wire::Enqueued::queue_full: break;
        }
        if (interrupted() || std::chrono::steady_clock::now() > deadline) {
            mistake = "Kafka takes no more records";
            return false;
        }
        deliveries.wait_a_little();
    }
}

void require_topic(const Context& context, const std::string& name, int partition) {
    auto admin = context.admin();
    const auto topic = admin.describe_topic(name);
    if (!topic) {
        throw CommandError(
            "there is no topic " + name +
            "; 'activityctl topics apply' creates the catalogue's, 'activityctl topics create' any");
    }
    if (partition >= static_cast<int>(topic->partitions.size())) {
        throw CommandError(name + " has the partitions 0 to " + std::to_string(topic->partitions.size() - 1) +
                           ", not " + std::to_string(partition));
    }
}

int produce(const Context& context, const Arguments& arguments) {
    const auto topic = context.topic(arguments.topic);
    const auto common_headers = parse_headers(arguments.headers);
    const auto cluster = context.cluster();
    require_topic(context, topic, arguments.partition);
    catch_interrupts();
    if (stdin_is_terminal()) std::cerr << "One record a line, Ctrl-D ends.\n";

    Deliveries deliveries;
    wire::ProducerSettings settings;
    settings.cluster = cluster;
    settings.delivery_timeout = delivery_timeout;
    wire::Producer producer(settings,
                            [&](std::span<const wire::DeliveryReport> reports) { deliveries.add(reports); });

    Lines lines;
    RecordText text;
    std::uint64_t read = 0;
    std::uint64_t refused = 0;
    while (!interrupted()) {
        const auto line = lines.next();
        if (!line) break;
        ++read;
        wire::Record record{.topic = topic,
                            .key = arguments.key.empty() ? std::nullopt : std::optional(arguments.key),
                            .headers = common_headers,
                            .value = {}};
        if (arguments.partition >= 0) record.partition = arguments.partition;
        std::string mistake;
        if (arguments.format == "lines") {
            record.value = *line;
        } else {
            auto parsed = text.parse(*line);
            if (auto* wrong = std::get_if<std::string>(&parsed)) {
                mistake = std::move(*wrong);
            } else {
                auto& fields = std::get<RecordText::Parsed>(parsed);
                if (fields.key) record.key = std::move(*fields.key);
                std::ranges::move(fields.headers, std::back_inserter(record.headers));
                if (fields.partition) record.partition = *fields.partition;
                record.value = std::move(fields.value);
            }
        }
        if (mistake.empty() && publish(producer, record, deliveries, mistake)) continue;
        if (++refused <= mistakes_shown_max) std::cerr << "line " << read << ": " << mistake << '\n';
    }
    producer.flush(delivery_timeout + 5s);

    const auto persisted = deliveries.persisted();
    const auto errors = deliveries.errors();
    std::cerr << persisted << (persisted == 1 ? " record" : " records") << " stored in " << topic;
    if (refused > 0) std::cerr << ", " << refused << (refused == 1 ? " line" : " lines") << " refused";
    for (const auto& [error, count] : errors) std::cerr << ", " << count << " not stored (" << error << ")";
    if (const auto lost = read - refused - persisted; errors.empty() && lost > 0)
        std::cerr << ", " << lost << " without an answer";
    std::cerr << '\n';
    return persisted == read ? exit_ok : exit_failed;
}

}  // namespace

void add_produce(CLI::App& app, Context& context) {
    auto& command =
        *app.add_subcommand("produce", "Send records from stdin, one a line, and wait until Kafka has them");
    const auto arguments = std::make_shared<Arguments>();
    command.add_option("topic", arguments->topic, "Topic, with or without the prefix")->required();
    command.add_option("--key", arguments->key,
                       "Key of every record that has none; without a key Kafka's partitions take turns");
    command
        .add_option("--header", arguments->headers, "Header name=value of every record; may be given again")
        ->take_all();
    command.add_option("--partition", arguments->partition, "Partition (default: as the key says)")
        ->check(CLI::Range(0, 100'000));
    command.add_option("--format", arguments->format, "lines: a line is the value; json: a line is a record")
        ->capture_default_str()
        ->check(CLI::IsMember({"lines", "json"}));
    add_exact(command, context);
    add_timeout(command, context);
    command.footer(
        "A line of JSON: {\"key\": \"web/u1\", \"headers\": {\"a\": \"1\"}, \"value\": {…}, \"partition\": "
        "0}\n"
        "Only the value must be there: a string is the value itself, anything else is sent as JSON, and\n"
        "{\"base64\": \"…\"} is bytes. What 'activityctl consume --format json' prints can be sent again.");
    on_run(command, context, [&context, arguments] { return produce(context, *arguments); });
}

}  // namespace activity::ctl::commands
