#include "schemas/activity/timestamp.h"

#include <array>
#include <charconv>

namespace activity {
namespace {

/// Reads exactly `digits` decimal digits at the front and takes them off.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
    if (!take(text, '.') && !take(text, ',')) return std::chrono::microseconds{0};
    int micros = 0;
    std::size_t digits = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        if (digits < 6) micros = micros * 10 + (text.front() - '0');
        ++digits;
        text.remove_prefix(1);
    }
    if (digits == 0 || digits > 9) return std::nullopt;
    for (std::size_t i = digits; i < 6; ++i) micros *= 10;
    return std::chrono::microseconds{micros};
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
    if (take(text, 'Z') || take(text, 'z')) return std::chrono::minutes{0};
    const bool behind = !text.empty() && text.front() == '-';
    if (!take(text, '+') && !take(text, '-')) return std::nullopt;
    const auto hours = take_number(text, 2);
    take(text, ':');
    const auto minutes = take_number(text, 2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    const std::chrono::minutes offset = std::chrono::hours{*hours} + std::chrono::minutes{*minutes};
    return behind ? -offset : offset;
}

bool is_representable(Timestamp time) {
    constexpr Timestamp first = std::chrono::sys_days{std::chrono::January / 1 / 1};
    constexpr Timestamp end = std::chrono::sys_days{std::chrono::January / 1 / 10000};
    return first <= time && time < end;
}

void put_digits(char* at, int value, int digits) {
    for (int i = digits - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

Timestamp now() {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::optional<Timestamp> parse_timestamp(std::string_view text) {
    const auto year = take_number(text, 4);
    if (!year || !take(text, '-')) return std::nullopt;
    const auto month = take_number(text, 2);
    if (!month || !take(text, '-')) return std::nullopt;
    const auto day = take_number(text, 2);
    if (!day || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return std::nullopt;
    const auto hour = take_number(text, 2);
    if (!hour || !take(text, ':')) return std::nullopt;
    const auto minute = take_number(text, 2);
    if (!minute || !take(text, ':')) return std::nullopt;
    const auto second = take_number(text, 2);
    if (!second) return std::nullopt;
    const auto fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;

    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    // Second 60 is a leap second: it becomes the next minute's first, as PostgreSQL reads it.
    if (!date.ok() || *year < 1 || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    const Timestamp time = std::chrono::sys_days{date} + std::chrono::hours{*hour} +
                           std::chrono::minutes{*minute} + std::chrono::seconds{*second} + *fraction -
                           *offset;
    if (!is_representable(time)) return std::nullopt;
    return time;
}

std::string format_timestamp(Timestamp time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::string text = "0000-00-00T00:00:00.000000Z";
    put_digits(text.data(), static_cast<int>(date.year()), 4);
    put_digits(text.data() + 5, static_cast<int>(static_cast<unsigned>(date.month())), 2);
    put_digits(text.data() + 8, static_cast<int>(static_cast<unsigned>(date.day())), 2);
    put_digits(text.data() + 11, static_cast<int>(clock.hours().count()), 2);
    put_digits(text.data() + 14, static_cast<int>(clock.minutes().count()), 2);
    put_digits(text.data() + 17, static_cast<int>(clock.seconds().count()), 2);
    const int micros = static_cast<int>(clock.subseconds().count());
    if (micros % 1000 != 0) {
        put_digits(text.data() + 20, micros, 6);
        return text;
    }
    put_digits(text.data() + 20, micros / 1000, 3);
    text.resize(23);
    text += 'Z';
    return text;
}

Timestamp without_clock_skew(Timestamp original, std::optional<Timestamp> sent, Timestamp received) {
    if (!sent) return original;
    const Timestamp corrected = received - (*sent - original);
    return is_representable(corrected) ? corrected : received;
}

}  // namespace activity
