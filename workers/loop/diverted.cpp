#include "workers/loop/diverted.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace activity::workers {
namespace {

namespace header = wire::header;

/// A null stays a null.
std::optional<std::string> as_it_was(std::string_view bytes) {
    if (bytes.data() == nullptr) return std::nullopt;
    return std::string(bytes);
}

/// Where the record first lay: the retry that we read says so, of anything else it is where we read it.
struct Origin {
    std::string topic;
    std::string partition;
    std::string offset;
};

Origin origin(const wire::InboundRecord& record) {
    const auto topic = record.header(header::retry_topic);
    const auto partition = record.header(header::retry_partition);
    const auto offset = record.header(header::retry_offset);
    if (topic && partition && offset)
        return {std::string(*topic), std::string(*partition), std::string(*offset)};
    return {std::string(record.topic()), std::to_string(record.partition()), std::to_string(record.offset())};
}

/// The record again, with the headers that it came with but those that a retry adds.
wire::Record copy(const wire::InboundRecord& record, std::string topic, int attempts) {
    constexpr std::array ours{header::attempt,         header::not_before,   header::retry_topic,
                              header::retry_partition, header::retry_offset, header::retry_reason,
                              header::retry_detail};
    wire::Record again;
    again.topic = std::move(topic);
    again.key = as_it_was(record.key());
    again.value = as_it_was(record.value());
    again.headers = record.headers();
    std::erase_if(again.headers, [&](const auto& one) {
        return std::ranges::any_of(ours, [&](const char* name) { return one.first == name; });
    });
    again.headers.emplace_back(header::attempt, std::to_string(attempts));
    return again;
}

}  // namespace

int attempts(const wire::InboundRecord& record) {
    const auto text = record.header(header::attempt).value_or("0");
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value >= 0 ? value : 0;
}

std::optional<Timestamp> not_before(const wire::InboundRecord& record) {
    const auto text = record.header(header::not_before);
    return text ? parse_timestamp(*text) : std::nullopt;
}

wire::Record dead_letter(const wire::InboundRecord& record, std::string topic, std::string_view group,
                         const Why& why) {
    const Origin from = origin(record);
    wire::Record letter = copy(record, std::move(topic), attempts(record) + 1);
    letter.headers.emplace_back(header::dead_letter_reason, why.reason);
    letter.headers.emplace_back(header::dead_letter_detail, why.detail);
    letter.headers.emplace_back(header::dead_letter_group, group);
    letter.headers.emplace_back(header::dead_letter_topic, from.topic);
    letter.headers.emplace_back(header::dead_letter_partition, from.partition);
    letter.headers.emplace_back(header::dead_letter_offset, from.offset);
    letter.headers.emplace_back(header::dead_letter_at, format_timestamp(now()));
    return letter;
}

wire::Record retry(const wire::InboundRecord& record, std::string topic, const Why& why, Timestamp due) {
    const Origin from = origin(record);
    wire::Record again = copy(record, std::move(topic), attempts(record) + 1);
    again.headers.emplace_back(header::not_before, format_timestamp(due));
    again.headers.emplace_back(header::retry_reason, why.reason);
    again.headers.emplace_back(header::retry_detail, why.detail);
    again.headers.emplace_back(header::retry_topic, from.topic);
    again.headers.emplace_back(header::retry_partition, from.partition);
    again.headers.emplace_back(header::retry_offset, from.offset);
    return again;
}

}  // namespace activity::workers
