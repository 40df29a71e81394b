#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "loadtest/commands/commands.h"
#include "loadtest/commands/files.h"

namespace activity::loadtest::commands {
namespace {

using Json = nlohmann::ordered_json;

struct Figure {
    const char* name;
    const char* place;  ///< JSON pointer below the phase
    double unit;
};

constexpr Figure figures[]{
    {"offered/s", "/offered_per_s", 1},    {"acknowledged/s", "/acknowledged_per_s", 1},
    {"p50 ms", "/latency_us/p50", 1e3},    {"p99 ms", "/latency_us/p99", 1e3},
    {"p99.9 ms", "/latency_us/p999", 1e3}, {"max ms", "/latency_us/max", 1e3},
    {"retries", "/counts/retries", 1},     {"unknown", "/counts/unknown", 1},
};

void print_line(const std::string& what, double before, double after) {
    char change[32] = "";
    if (before != 0) std::snprintf(change, sizeof change, "%+.0f %%", (after / before - 1) * 100);
    std::printf("  %-16s %14.4g %14.4g %10s\n", what.c_str(), before, after, before == after ? "" : change);
}

double mean(const Json& values) {
    double sum = 0;
    for (const Json& value : values) sum += value.get<double>();
    return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

/// What differs in the settings comes first: two runs of different traffic are not two of the same.
void print_settings(const Json& before, const Json& after) {
    for (const auto& [name, value] : before["settings"].items()) {
        const Json other = after["settings"].value(name, Json(nullptr));
        if (other != value)
            std::printf("  %s: %s, then %s\n", name.c_str(), value.dump().c_str(), other.dump().c_str());
    }
}

void compare(const Json& before, const Json& after) {
    std::printf("before: %s\nafter:  %s\n", before["verdict"]["text"].get<std::string>().c_str(),
                after["verdict"]["text"].get<std::string>().c_str());
    print_settings(before, after);
    for (const Json& phase : before["phases"]) {
        for (const Json& other : after["phases"]) {
            if (other["name"] != phase["name"]) continue;
            std::printf("\n%-18s %14s %14s %10s\n", phase["name"].get<std::string>().c_str(), "before",
                        "after", "change");
            for (const Figure& figure : figures) {
                const Json::json_pointer place(figure.place);
                print_line(figure.name, phase.at(place).get<double>() / figure.unit,
                           other.at(place).get<double>() / figure.unit);
            }
        }
    }
    std::printf("\n%-18s %14s %14s %10s\n", "processes", "before", "after", "change");
    for (const Json& process : before["processes"]) {
        for (const Json& other : after["processes"]) {
            if (other["name"] != process["name"]) continue;
            const std::string name = process["name"];
            print_line(name + " cores", mean(process["cores"]), mean(other["cores"]));
            print_line(name + " MB", mean(process["rss_bytes"]) / 1e6, mean(other["rss_bytes"]) / 1e6);
        }
    }
    if (!before["knee"].is_null() && !after["knee"].is_null())
        print_line("knee, events/s", before["knee"]["per_s"], after["knee"]["per_s"]);
}

}  // namespace

void add_compare(CLI::App& app, int& code) {
    auto files = std::make_shared<std::vector<std::string>>();
    auto* const command = app.add_subcommand("compare", "What changed from one record to another.");
    command->add_option("files", *files, "run.json before, run.json after")
        ->required()
        ->expected(2)
        ->check(CLI::ExistingFile);
    command->callback([files, &code] {
        compare(read_record(files->front()), read_record(files->back()));
        code = 0;
    });
}

}  // namespace activity::loadtest::commands
