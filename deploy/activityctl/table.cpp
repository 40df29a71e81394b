#include "deploy/activityctl/table.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cstddef>

#include "schemas/activity/json.h"

namespace activity::ctl {
namespace {

/// Columns on a terminal. Wide East Asian characters are not known here; they only shift their own line.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

std::string heading_of(std::string_view column) {
    std::string heading(column);
    for (char& letter : heading) {
        if (letter == '_') letter = ' ';
        if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    }
    return heading;
}

/// The shortest text that reads back to the same.
std::string text_of(double number) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    return {text.data(), end};
}

std::string text_of(const Cell& cell) {
    if (const auto* number = std::get_if<std::int64_t>(&cell)) return std::to_string(*number);
    if (const auto* fraction = std::get_if<double>(&cell)) return text_of(*fraction);
    if (const auto* flag = std::get_if<bool>(&cell)) return *flag ? "yes" : "no";
    if (const auto* text = std::get_if<std::string>(&cell)) return printable(*text);
    return "-";
}

void append_json(std::string& out, const Cell& cell) {
    if (const auto* number = std::get_if<std::int64_t>(&cell)) {
        out += std::to_string(*number);
    } else if (const auto* fraction = std::get_if<double>(&cell)) {
        out += text_of(*fraction);
    } else if (const auto* flag = std::get_if<bool>(&cell)) {
        out += *flag ? "true" : "false";
    } else if (const auto* text = std::get_if<std::string>(&cell)) {
        json::append_string(out, *text);
    } else {
        out += "null";
    }
}

}  // namespace

std::string printable(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string shown;
    shown.reserve(text.size());
    for (const char letter : text) {
        const auto byte = static_cast<unsigned char>(letter);
        if (byte >= 0x20 && byte != 0x7f) {
            shown += letter;
        } else {
            shown += "\\x";
            shown += digits[byte >> 4U];
            shown += digits[byte & 0xfU];
        }
    }
    return shown;
}

std::string printable(std::string_view text, std::size_t characters_max) {
    std::string shown = printable(text);
    if (width_of(shown) <= characters_max) return shown;
    std::size_t end = 0;
    for (std::size_t characters = 0; end < shown.size(); ++end) {
        const bool begins = (static_cast<unsigned char>(shown[end]) & 0xC0U) != 0x80U;
        if (begins && ++characters == characters_max) break;
    }
    shown.resize(end);
    return shown + "…";
}

void append_csv(std::string& out, std::string_view text) {
    if (text.find_first_of("\",\r\n") == std::string_view::npos) {
        out += text;
        return;
    }
    out += '"';
    for (const char letter : text) {
        if (letter == '"') out += '"';
        out += letter;
    }
    out += '"';
}

void Table::write(std::ostream& out, Format format) const {
    switch (format) {
        case Format::table: print(out); break;
        case Format::json: out << json() << '\n'; break;
        case Format::csv: out << csv(); break;
    }
}

void Table::add(std::vector<Cell> cells) {
    assert(cells.size() == columns_.size());
    rows_.push_back(std::move(cells));
}

void Table::print(std::ostream& out) const {
    std::vector<std::vector<std::string>> lines(1);
    std::vector<std::size_t> widths;
    std::vector<bool> right(columns_.size(), true);
    for (const auto& column : columns_) {
        lines[0].push_back(heading_of(column));
        widths.push_back(lines[0].back().size());
    }
    for (const auto& row : rows_) {
        auto& line = lines.emplace_back();
        for (std::size_t i = 0; i < row.size(); ++i) {
            line.push_back(text_of(row[i]));
            widths[i] = std::max(widths[i], width_of(line[i]));
            if (std::holds_alternative<std::string>(row[i]) || std::holds_alternative<bool>(row[i]))
                right[i] = false;
        }
    }
    for (const auto& line : lines) {
        std::string text;
        for (std::size_t i = 0; i < line.size(); ++i) {
            const std::string padding(widths[i] - width_of(line[i]), ' ');
            if (i != 0) text += "  ";
            text += right[i] ? padding + line[i] : line[i] + padding;
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out << text << '\n';
    }
}

std::string Table::json() const {
    std::string out = "[";
    for (std::size_t row = 0; row < rows_.size(); ++row) {
        out += row == 0 ? "\n  {" : ",\n  {";
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (i != 0) out += ", ";
            json::append_string(out, columns_[i]);
            out += ": ";
            append_json(out, rows_[row][i]);
        }
        out += '}';
    }
    out += rows_.empty() ? "]" : "\n]";
    return out;
}

std::string Table::csv() const {
    std::string out;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (i != 0) out += ',';
        append_csv(out, columns_[i]);
    }
    out += '\n';
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i != 0) out += ',';
            if (const auto* text = std::get_if<std::string>(&row[i])) {
                append_csv(out, *text);
            } else if (const auto* flag = std::get_if<bool>(&row[i])) {
                out += *flag ? "true" : "false";
            } else if (!std::holds_alternative<std::monostate>(row[i])) {
                out += text_of(row[i]);
            }
        }
        out += '\n';
    }
    return out;
}

}  // namespace activity::ctl
