#include "ingest/receipts/record_search.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "schemas/wire/failure.h"
#include "schemas/wire/record.h"

namespace activity::receipts {
namespace {

using std::chrono::milliseconds;

std::string header(const wire::InboundRecord& record, const char* name) {
    return std::string(record.header(name).value_or(std::string_view()));
}

/// A place among those that search at the same time.
class Turn {
  public:
    explicit Turn(std::counting_semaphore<>& turns) : turns_(turns) {
        if (!turns_.try_acquire()) throw Busy("as many searches as may be are under way");
    }
    ~Turn() { turns_.release(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

  private:
    std::counting_semaphore<>& turns_;
};

/// Which parts of a plan have been read to their end.
class Progress {
  public:
    explicit Progress(const std::vector<Stretch>& stretches) : open_(stretches), left_(stretches.size()) {}

    bool done() const { return left_ == 0; }

    /// The stretch that a record belongs to. Records come in runs of one partition.
    const Stretch* at(const wire::InboundRecord& record) {
        if (!is_of(latest_, record)) {
            for (latest_ = 0; latest_ < open_.size() && !is_of(latest_, record);) ++latest_;
        }
        return latest_ < open_.size() ? &open_[latest_] : nullptr;
    }

    void passed(const Stretch& stretch, std::int64_t offset) {
        if (offset + 1 >= stretch.to) close(stretch.partition);
    }

    /// Read to its end, or no longer readable.
    void close(const wire::TopicPartition& partition) {
        for (auto& stretch : open_) {
            if (stretch.partition != partition || stretch.from == stretch.to) continue;
            stretch.from = stretch.to;
            --left_;
        }
    }

  private:
    bool is_of(std::size_t place, const wire::InboundRecord& record) const {
        return place < open_.size() && open_[place].partition.partition == record.partition() &&
               open_[place].partition.topic == record.topic();
    }

    std::vector<Stretch> open_;  ///< from == to: closed
    std::size_t left_;
    std::size_t latest_ = 0;
};

}  // namespace

std::optional<Receipt> RecordReader::read(const wire::InboundRecord& record, Place place,
                                          std::string_view message_id, std::string_view source) {
    namespace name = wire::header;
    if (record.header(name::message_id) != message_id || record.header(name::source) != source)
        return std::nullopt;
    Receipt receipt;
    switch (place) {
        case Place::events: receipt.status = Status::accepted; break;
        case Place::dead_letters:
            receipt.status = Status::dead_lettered;
            receipt.group = header(record, name::dead_letter_group);
            receipt.at = header(record, name::dead_letter_at);
            receipt.code = header(record, name::dead_letter_reason);
            receipt.message = header(record, name::dead_letter_detail);
            break;
        case Place::rejected:
            if (auto rejected = rejection(record)) {
                receipt = *std::move(rejected);
                break;
            }
            return std::nullopt;
    }
    receipt.received_at = header(record, name::received_at);
    return receipt;
}

std::optional<Receipt> RecordReader::rejection(const wire::InboundRecord& record) {
    Receipt receipt;
    receipt.status = Status::rejected;
    receipt.code = header(record, wire::header::reason);
    const auto document = reader_.read(record.value());
    const auto* element = std::get_if<json::Element>(&document);
    json::Object members;
    if (element == nullptr || element->get(members)) return receipt;
    std::string_view text;
    if (!members["status"].get(text) && text == "marked") return std::nullopt;
    if (!members["field"].get(text)) receipt.field = text;
    if (!members["message"].get(text)) receipt.message = text;
    return receipt;
}

SearchResult KafkaSearch::find(std::string_view message_id, std::string_view source,
                               const NextOffsets& next_offsets) {
    const Turn turn(turns_);
    const auto deadline = Clock::now() + settings_.time_max;
    try {
        const SearchPlan plan = plan_search(extents(), next_offsets, settings_.records_max);
        if (plan.stretches.empty()) return {};
        return look_through(plan, deadline, message_id, source);
    } catch (const wire::Failure& failure) {
        throw Unavailable(std::string("Kafka: ") + failure.what());
    }
}

std::optional<Place> KafkaSearch::place_of(std::string_view topic) const {
    if (topic == settings_.dead_letter_topic) return Place::dead_letters;
    if (topic == settings_.rejected_topic) return Place::rejected;
    if (std::ranges::find(settings_.event_topics, topic) != settings_.event_topics.end())
        return Place::events;
    return std::nullopt;
}

std::vector<Extent> KafkaSearch::extents() const {
    wire::Admin admin(settings_.cluster, settings_.time_max);
    std::vector<wire::TopicPartition> partitions;
    for (const auto& topic : admin.describe_cluster().topics) {
        if (!place_of(topic.name)) continue;
        for (const auto& partition : topic.partitions)
            partitions.push_back({topic.name, partition.partition});
    }
    std::vector<Extent> extents;
    for (const auto& [partition, has] : admin.watermarks(partitions))
        extents.push_back({partition, *place_of(partition.topic), has.oldest, has.next});
    return extents;
}

SearchResult KafkaSearch::look_through(const SearchPlan& plan, Clock::time_point deadline,
                                       std::string_view message_id, std::string_view source) {
    SearchResult result;
    RecordReader reader;
    Progress progress(plan.stretches);
    std::int64_t looked_at = 0;
    wire::ConsumerSettings settings;
    settings.cluster = settings_.cluster;
    auto& options = settings.cluster.options;
    options.try_emplace("client.id", "activity-receipts");
    // While it holds this much, the library does not fetch, and looks again only after a second. So: much, in
    // small pieces. Memory is bounded all the same.
    options.try_emplace("queued.min.messages", "1000000");
    options.try_emplace("queued.max.messages.kbytes", "65536");
    options.try_emplace("fetch.message.max.bytes", "262144");
    options.try_emplace("fetch.error.backoff.ms", "10");
    settings.group = settings_.group;
    wire::Consumer consumer(settings);
    std::vector<wire::PartitionOffset> offsets;
    for (const auto& stretch : plan.stretches) offsets.push_back({stretch.partition, stretch.from});
    consumer.assign(offsets);

    while (!progress.done()) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
        if (left <= milliseconds(0)) {
            result.not_searched = "the search ended after " + std::to_string(settings_.time_max.count()) +
                                  " ms, with " + std::to_string(looked_at) + " of " +
                                  std::to_string(plan.records()) + " records looked through";
            break;
        }
        const wire::Polled polled = consumer.poll(left);
        if (const auto* failure = std::get_if<wire::PollFailure>(&polled)) {
            if (failure->fatal || failure->unreachable)
                throw wire::Failure(wire::Disposition::retry, failure->what);
            // Retention has removed it since we asked; what is gone can't be found.
            if (failure->offset_out_of_range) progress.close(failure->partition);
            continue;
        }
        const auto* record = std::get_if<wire::InboundRecord>(&polled);
        const Stretch* const stretch = record == nullptr ? nullptr : progress.at(*record);
        if (stretch == nullptr) continue;
        ++looked_at;
        auto found = reader.read(*record, stretch->place, message_id, source);
        // What counts most wins; of the same, the newest.
        if (found && (!result.found || found->status <= result.found->status))
            result.found = std::move(found);
        if (result.found && result.found->status == Status::accepted) break;
        progress.passed(*stretch, record->offset());
    }
    looked_at_.Increment(static_cast<double>(looked_at));
    if (!plan.left_out.empty())
        result.not_searched +=
            (result.not_searched.empty() ? "" : "; ") + plan.left_out + " were looked through";
    return result;
}

}  // namespace activity::receipts
