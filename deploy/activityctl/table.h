#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace activity::ctl {

/// Nothing there: `-` for people, `null` for scripts, nothing in CSV.
using Cell = std::variant<std::monostate, std::int64_t, double, bool, std::string>;

enum class Format { table, json, csv };

/// One content, three readers: aligned columns for people, an array of objects for scripts, CSV for
/// spreadsheets.
class Table {
  public:
    /// Names of the columns as scripts read them, `kafka_lag`; people read KAFKA LAG.
    explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

    /// As many cells as there are columns.
    void add(std::vector<Cell> cells);
    bool empty() const { return rows_.empty(); }
    std::size_t size() const { return rows_.size(); }

    void write(std::ostream& out, Format format) const;

    /// Columns of numbers stand right. Control characters are shown escaped: names come from elsewhere.
    void print(std::ostream& out) const;
    std::string json() const;
    /// RFC 4180 but for line ends of one byte: a line of names, then a line a row.
    std::string csv() const;

  private:
    std::vector<std::string> columns_;
    std::vector<std::vector<Cell>> rows_;
};

/// What a terminal must not be sent, as \xNN; everything else as it is.
std::string printable(std::string_view text);

/// The same, and at most that many characters, the last of them `…` where something was cut off.
std::string printable(std::string_view text, std::size_t characters_max);

/// A field of a line of CSV, in quotes where it needs them.
void append_csv(std::string& out, std::string_view text);

}  // namespace activity::ctl
