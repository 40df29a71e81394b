#include "workers/groups/leaderboard/rules.h"

#include <toml++/toml.h>
#include <algorithm>
#include <fstream>
#include <optional>
#include <set>

namespace activity::workers {
namespace {

/// Of a rule's name: it becomes part of a key in the database.
constexpr std::size_t name_bytes_max = 64;

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

/// Reads the rules of one document and collects what is wrong with them.
class RulesDocument {
  public:
    explicit RulesDocument(std::string place) : place_(std::move(place)) {}

    std::vector<PointsRule> read(const toml::table& root) {
        refuse_unknown(root, "top level", {"rule"});
        const auto* entries = root.get_as<toml::array>("rule");
        std::vector<PointsRule> rules;
        if (entries == nullptr || !entries->is_array_of_tables()) {
            mistake("rule", "there must be at least one [[rule]]");
        } else {
            for (const auto& entry : *entries)
                rules.push_back(read_rule(*entry.as_table(), rules.size() + 1));
        }
        if (!mistakes_.empty()) throw PointsRulesError(mistakes_.substr(0, mistakes_.size() - 1));
        return rules;
    }

  private:
    void mistake(const std::string& entry, const std::string& what) {
        mistakes_ += place_ + ": " + entry + ": " + what + "\n";
    }

    void refuse_unknown(const toml::table& table, const std::string& entry,
                        const std::set<std::string_view>& known) {
        for (const auto& [key, value] : table) {
            if (!known.contains(key.str()))
                mistake(entry, std::string(key.str()) + " is no member known here");
        }
    }

    PointsRule read_rule(const toml::table& table, std::size_t number) {
        PointsRule rule;
        rule.name = table["name"].value_or(std::string());
        const std::string entry = rule.name.empty() ? "rule " + std::to_string(number) : "rule " + rule.name;
        if (!is_name(rule.name)) {
            mistake(entry, "name must be 1 to 64 of a-z, 0-9 and _");
        } else if (!names_.insert(rule.name).second) {
            mistake(entry, "name stands twice");
        }
        refuse_unknown(table, entry, {"name", "activity", "when", "once_per", "points"});
        rule.activity = table["activity"].value_or(std::string());
        if (rule.activity.empty()) mistake(entry, "activity must be the ID of an activity of the catalogue");
        const auto* points = table.get_as<std::int64_t>("points");
        rule.points = points == nullptr ? 0 : points->get();
        if (rule.points < 1 || rule.points > PointsRules::points_max)
            mistake(entry, "points must be a whole number from 1 to 1000000");
        if (table.contains("once_per")) {
            rule.once_per = table["once_per"].value_or(std::string());
            if (rule.once_per.empty()) mistake(entry, "once_per must be the name of a property");
        }
        read_when(rule, table, entry);
        return rule;
    }

    void read_when(PointsRule& rule, const toml::table& table, const std::string& entry) {
        if (!table.contains("when")) return;
        const auto* when = table.get_as<toml::table>("when");
        if (when == nullptr || when->empty()) {
            mistake(entry, "when must be a table of properties, as { solved = true }");
            return;
        }
        for (const auto& [key, value] : *when) {
            auto& wanted = rule.when[std::string(key.str())];
            if (const auto* boolean = value.as_boolean()) {
                wanted = boolean->get();
            } else if (const auto* integer = value.as_integer()) {
                wanted = integer->get();
            } else if (const auto* text = value.as_string()) {
                wanted = text->get();
            } else {
                mistake(entry, "when: " + std::string(key.str()) +
                                   " must be a text, true, false, or a whole number");
            }
        }
    }

    std::string place_;
    std::string mistakes_;
    std::set<std::string> names_;
};

}  // namespace

bool PointsRule::fits(const Properties& properties) const {
    return std::ranges::all_of(when, [&](const auto& member) {
        const auto& [property, wanted] = member;
        if (const auto* boolean = std::get_if<bool>(&wanted)) return properties.boolean(property) == *boolean;
        if (const auto* integer = std::get_if<std::int64_t>(&wanted))
            return properties.integer(property) == *integer;
        return properties.text(property) == std::get<std::string>(wanted);
    });
}

PointsRules PointsRules::load(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream) throw PointsRulesError(file.string() + ": can't be read");
    PointsRules rules;
    try {
        for (auto& rule : RulesDocument(file.string()).read(toml::parse(stream, file.string())))
            rules.by_activity_[rule.activity].push_back(std::move(rule));
    } catch (const toml::parse_error& error) {
        throw PointsRulesError(file.string() + ": line " + std::to_string(error.source().begin.line) + ": " +
                               std::string(error.description()));
    }
    return rules;
}

std::filesystem::path PointsRules::default_file() {
    return ACTIVITY_LEADERBOARD_RULES_DEFAULT;
}

const std::vector<PointsRule>* PointsRules::find(std::string_view activity) const {
    const auto found = by_activity_.find(activity);
    return found == by_activity_.end() ? nullptr : &found->second;
}

std::vector<std::string> PointsRules::activities() const {
    std::vector<std::string> names;
    for (const auto& [activity, rules] : by_activity_) names.push_back(activity);
    std::ranges::sort(names);
    return names;
}

}  // namespace activity::workers
