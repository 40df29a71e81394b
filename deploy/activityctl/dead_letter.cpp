#include "deploy/activityctl/dead_letter.h"

#include <algorithm>
#include <charconv>

#include "deploy/activityctl/context.h"

namespace activity::ctl {
namespace {

constexpr std::string_view letter_headers = "dead-letter-";
constexpr std::string_view retry_headers = "retry-";

template <typename Number>
std::optional<Number> number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty() || value < 0)
        return std::nullopt;
    return value;
}

/// The last of that name: the one that was put on last.
std::string header(const wire::Headers& headers, std::string_view name) {
    const auto found = std::find_if(headers.rbegin(), headers.rend(),
                                    [&](const auto& header) { return header.first == name; });
    return found == headers.rend() ? std::string() : found->second;
}

std::optional<std::string> as_it_was(std::string_view bytes) {
    if (bytes.data() == nullptr) return std::nullopt;
    return std::string(bytes);
}

}  // namespace

std::string DeadLetterId::text() const {
    return group + "/" + std::to_string(partition) + "/" + std::to_string(offset);
}

DeadLetterId parse_dead_letter_id(const std::string& text) {
    const auto last = text.rfind('/');
    const auto first = last == std::string::npos || last == 0 ? std::string::npos : text.rfind('/', last - 1);
    if (first != std::string::npos && first > 0) {
        const std::string_view whole(text);
        const auto partition = number<std::int32_t>(whole.substr(first + 1, last - first - 1));
        const auto offset = number<std::int64_t>(whole.substr(last + 1));
        if (partition && offset) return {text.substr(0, first), *partition, *offset};
    }
    throw UsageError(
        "a dead letter is named as 'activityctl dlq list' shows it, such as records/0/17; it is '" + text +
        "'");
}

std::string DeadLetter::origin_text() const {
    if (!origin) return "";
    return origin->topic + "[" + std::to_string(origin->partition) + "]" +
           (origin_offset ? "@" + std::to_string(*origin_offset) : "");
}

DeadLetter dead_letter_of(const std::string& group, const ShownRecord& record) {
    namespace name = wire::header;
    DeadLetter letter;
    letter.id = {group, record.partition, record.offset};
    letter.reason = header(record.headers, name::dead_letter_reason);
    letter.detail = header(record.headers, name::dead_letter_detail);
    auto topic = header(record.headers, name::dead_letter_topic);
    const auto partition = number<std::int32_t>(header(record.headers, name::dead_letter_partition));
    if (!topic.empty() && partition) letter.origin = {std::move(topic), *partition};
    letter.origin_offset = number<std::int64_t>(header(record.headers, name::dead_letter_offset));
    letter.attempts = header(record.headers, name::attempt);
    letter.at =
        parse_timestamp(header(record.headers, name::dead_letter_at))
            .value_or(Timestamp{std::chrono::milliseconds{std::max<std::int64_t>(record.timestamp_ms, 0)}});
    letter.key = as_it_was(record.key);
    return letter;
}

wire::Record original_of(const ShownRecord& record, std::string topic) {
    wire::Record original;
    original.topic = std::move(topic);
    original.key = as_it_was(record.key);
    original.value = as_it_was(record.value);
    for (const auto& header : record.headers) {
        if (!header.first.starts_with(letter_headers)) original.headers.push_back(header);
    }
    return original;
}

namespace {

wire::Record untried(wire::Record record, const std::string& topic, const std::string& partition,
                     const std::string& offset) {
    namespace name = wire::header;
    std::erase_if(record.headers, [](const auto& header) {
        return header.first == name::attempt || header.first == name::not_before ||
               header.first.starts_with(retry_headers);
    });
    record.headers.emplace_back(name::attempt, "0");
    record.headers.emplace_back(name::retry_topic, topic);
    record.headers.emplace_back(name::retry_partition, partition);
    record.headers.emplace_back(name::retry_offset, offset);
    return record;
}

}  // namespace

wire::Record replay_of(const ShownRecord& letter, std::string topic) {
    namespace name = wire::header;
    auto original = original_of(letter, std::move(topic));
    const auto from = header(letter.headers, name::dead_letter_topic);
    if (from.empty()) return original;
    return untried(std::move(original), from, header(letter.headers, name::dead_letter_partition),
                   header(letter.headers, name::dead_letter_offset));
}

wire::Record retry_of(const ShownRecord& record, std::string topic) {
    return untried(original_of(record, std::move(topic)), std::string(record.topic),
                   std::to_string(record.partition), std::to_string(record.offset));
}

bool DeadLetterFilter::fits(const DeadLetter& letter) const {
    return (!reason || letter.reason == *reason) && (!key || letter.key == *key) &&
           (!origin_topic || (letter.origin && letter.origin->topic == *origin_topic)) &&
           (!since || letter.at >= *since) && (!until || letter.at < *until);
}

}  // namespace activity::ctl
