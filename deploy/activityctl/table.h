#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace activity::ctl {

/// Nothing there: `-` for people, `null` for scripts.
using Cell = std::variant<std::monostate, std::int64_t, bool, std::string>;

/// One content, two readers: aligned columns for people, an array of objects for scripts.
class Table {
  public:
    /// Names of the columns as scripts read them, `kafka_lag`; people read KAFKA LAG.
    explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

    /// As many cells as there are columns.
    void add(std::vector<Cell> cells);
    bool empty() const { return rows_.empty(); }

    /// Columns of numbers stand right. Control characters are shown escaped: names come from elsewhere.
    void print(std::ostream& out) const;
    std::string json() const;

  private:
    std::vector<std::string> columns_;
    std::vector<std::vector<Cell>> rows_;
};

/// What a terminal must not be sent, as \xNN; everything else as it is.
std::string printable(std::string_view text);

}  // namespace activity::ctl
