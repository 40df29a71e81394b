#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "workers/groups/properties.h"

namespace activity::workers {

/// What an event is worth, and for what.
struct PointsRule {
    std::string name;
    std::string activity;  ///< the catalogue's ID
    std::int64_t points = 0;
    std::string once_per;  ///< property whose value counts once for each learner; empty: every event counts
    /// Properties that must have these values.
    std::map<std::string, std::variant<bool, std::int64_t, std::string>> when;

    bool fits(const Properties& properties) const;
};

/// Everything wrong with a file of rules, reported together.
class PointsRulesError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The rules of a file (points.toml says what is in it). Const once read: any thread may ask.
class PointsRules {
  public:
    static constexpr std::int64_t points_max = 1'000'000;

    /// Throws PointsRulesError that names the file, each rule and each field that is wrong.
    static PointsRules load(const std::filesystem::path& file);
    /// points.toml of the source tree that this was built from.
    static std::filesystem::path default_file();

    /// In the order of the file; the first that fits is the one. nullptr: none of that activity, so its
    /// events need not be looked into.
    const std::vector<PointsRule>* find(std::string_view activity) const;

    std::vector<std::string> activities() const;

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    std::unordered_map<std::string, std::vector<PointsRule>, Hash, std::equal_to<>> by_activity_;
};

}  // namespace activity::workers
