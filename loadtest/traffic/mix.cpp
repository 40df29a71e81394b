#include "loadtest/traffic/mix.h"

#include <toml++/toml.h>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

namespace activity::loadtest {
namespace {

/// Takes a table's numbers one by one; what is left at the end nobody knows.
class Numbers {
  public:
    Numbers(const toml::table& table, std::string path, std::vector<std::string>& mistakes)
        : table_(table), path_(std::move(path)), mistakes_(mistakes) {}

    template <typename Number>
    void take(const char* name, Number& into, double min, double max) {
        known_.insert(name);
        const auto* const node = table_.get(name);
        if (node == nullptr) return;
        const auto value = node->value<double>();
        const bool whole = std::is_floating_point_v<Number> || node->is_integer();
        if (!node->is_number() || !value || !whole || !(*value >= min && *value <= max)) {
            mistakes_.push_back(path_ + name + " is not " +
                                (std::is_integral_v<Number> ? "a whole number" : "a number") + " from " +
                                text(min) + " to " + text(max));
            return;
        }
        into = static_cast<Number>(*value);
    }

    void finish(const std::set<std::string>& tables = {}) {
        for (const auto& [key, node] : table_) {
            const std::string name(key.str());
            if (!known_.contains(name) && !tables.contains(name))
                mistakes_.push_back(path_ + name + " is not known");
        }
    }

  private:
    static std::string text(double number) {
        std::string out = std::to_string(number);
        out.erase(out.find_last_not_of('0') + 1);
        if (out.back() == '.') out.pop_back();
        return out;
    }

    const toml::table& table_;
    std::string path_;
    std::vector<std::string>& mistakes_;
    std::set<std::string> known_;
};

}  // namespace

Mix read_mix(const std::filesystem::path& file) {
    toml::table table;
    try {
        table = toml::parse_file(file.string());
    } catch (const toml::parse_error& error) {
        throw std::invalid_argument(file.string() + ", line " + std::to_string(error.source().begin.line) +
                                    ": " + std::string(error.description()));
    }
    Mix mix;
    std::vector<std::string> mistakes;
    Numbers top(table, "", mistakes);
    top.take("learners", mix.learners, 1, 100'000'000);
    top.take("learner_skew", mix.learner_skew, 0, 3);
    top.take("courses", mix.courses, 1, 65'535);
    top.take("course_skew", mix.course_skew, 0, 3);
    top.take("problems_a_course", mix.problems_a_course, 1, 100'000);
    top.take("active", mix.active, 1, 10'000'000);
    top.take("classes", mix.classes, 1, 65'535);
    top.take("reaction_bursts", mix.reaction_bursts, 0, 1);
    top.take("burst", mix.burst, 1, 100'000);
    top.take("duplicates", mix.duplicates, 0, 0.5);
    top.take("late", mix.late, 0, 1);
    top.take("bad", mix.bad, 0, 1);
    top.take("batch", mix.batch, 1, 1'000);
    top.take("gzip", mix.gzip, 0, 1);
    if (const auto* const node = table.get("visits")) {
        if (const auto* const visits = node->as_table()) {
            Numbers numbers(*visits, "visits.", mistakes);
            constexpr double weight_max = 1e6;
            numbers.take("live_class", mix.visits.live_class, 0, weight_max);
            numbers.take("practice", mix.visits.practice, 0, weight_max);
            numbers.take("assignment", mix.visits.assignment, 0, weight_max);
            numbers.take("video", mix.visits.video, 0, weight_max);
            numbers.take("dashboard", mix.visits.dashboard, 0, weight_max);
            numbers.take("store", mix.visits.store, 0, weight_max);
            numbers.finish();
            const auto& v = mix.visits;
            if (v.live_class + v.practice + v.assignment + v.video + v.dashboard + v.store <= 0)
                mistakes.emplace_back("visits has no weight above 0");
        } else {
            mistakes.emplace_back("visits is not a table");
        }
    }
    top.finish({"visits"});
    if (mix.classes > mix.courses) mistakes.emplace_back("classes is more than courses");
    if (mix.active > mix.learners) mistakes.emplace_back("active is more than learners");
    if (!mistakes.empty()) {
        std::string all = file.string() + ":";
        for (const auto& mistake : mistakes) all += "\n  " + mistake;
        throw std::invalid_argument(all);
    }
    return mix;
}

}  // namespace activity::loadtest
