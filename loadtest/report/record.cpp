#include "loadtest/report/record.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "loadtest/stats/grouped.h"

namespace activity::loadtest {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value, double to) {
    return std::round(value / to) * to;
}

Json latency_json(const Histogram& latency) {
    return {{"count", latency.count()},         {"mean", std::llround(latency.mean_us())},
            {"p50", latency.at_percentile(50)}, {"p90", latency.at_percentile(90)},
            {"p99", latency.at_percentile(99)}, {"p999", latency.at_percentile(99.9)},
            {"max", latency.max_us()}};
}

Json curve_json(const Histogram& latency) {
    Json points = Json::array();
    for (const auto& point : latency.curve())
        points.push_back(Json::array({point.percentile, point.value_us}));
    return points;
}

Json counts_json(const Counts& counts) {
    return {{"offered", counts.offered},
            {"unsent", counts.unsent},
            {"acknowledged", counts.acknowledged},
            {"refused", counts.refused},
            {"refused_unexpected", counts.refused_unexpected},
            {"accepted_unexpected", counts.accepted_unexpected},
            {"unknown", counts.unknown},
            {"retries", counts.retries},
            {"status_429", counts.status_429},
            {"status_503", counts.status_503},
            {"status_other", counts.status_other},
            {"lost", counts.lost},
            {"timed_out", counts.timed_out},
            {"duplicates", counts.duplicates},
            {"wrong", counts.wrong}};
}

Json phase_json(const PhaseResult& phase) {
    const std::chrono::duration<double> cpu = phase.tally.cpu, took = phase.tally.took;
    return {
        {"name", phase.name},
        {"kind", phase.kind},
        {"begin_s", rounded(phase.begin_s, 0.001)},
        {"end_s", rounded(phase.end_s, 0.001)},
        {"offered_per_s", rounded(phase.offered_per_s, 0.1)},
        {"acknowledged_per_s", rounded(phase.acknowledged_per_s, 0.1)},
        {"latency_us", latency_json(phase.tally.latency)},
        {"curve", curve_json(phase.tally.latency)},
        {"counts", counts_json(phase.tally.counts)},
        {"valid", phase.why_invalid().empty()},
        {"why_invalid", phase.why_invalid()},
        {"generator",
         {{"lateness_p99_us", phase.tally.lateness.at_percentile(99)},
          {"cpu_share", rounded(took.count() > 0 ? cpu.count() / took.count() / phase.threads : 0, 0.001)}}},
        {"held", phase.held()},
        {"why_not", phase.why_not()},
        {"sentence", sentence(phase)}};
}

Json seconds_json(const std::vector<Second>& seconds) {
    Json json = {{"at_s", Json::array()},    {"offered", Json::array()}, {"acknowledged", Json::array()},
                 {"refused", Json::array()}, {"errors", Json::array()},  {"p50_us", Json::array()},
                 {"p99_us", Json::array()},  {"p999_us", Json::array()}, {"max_us", Json::array()}};
    for (const Second& second : seconds) {
        json["at_s"].push_back(second.at_s);
        json["offered"].push_back(second.offered);
        json["acknowledged"].push_back(second.acknowledged);
        json["refused"].push_back(second.refused);
        json["errors"].push_back(second.errors);
        // A second without answers has no latencies.
        const auto latency = [&](std::uint64_t value) {
            return second.requests > 0 ? Json(value) : Json(nullptr);
        };
        json["p50_us"].push_back(latency(second.p50_us));
        json["p99_us"].push_back(latency(second.p99_us));
        json["p999_us"].push_back(latency(second.p999_us));
        json["max_us"].push_back(latency(second.max_us));
    }
    return json;
}

Json series_json(const std::map<std::string, Series>& all, const char* first, double first_to,
                 const char* second, double second_to) {
    Json json = Json::array();
    for (const auto& [name, series] : all) {
        Json one = {{"name", name}, {"at_s", Json::array()}, {first, Json::array()}, {second, Json::array()}};
        for (std::size_t i = 0; i < series.at_s.size(); ++i) {
            one["at_s"].push_back(rounded(series.at_s[i], 0.1));
            one[first].push_back(rounded(series.first[i], first_to));
            one[second].push_back(rounded(series.second[i], second_to));
        }
        json.push_back(std::move(one));
    }
    return json;
}

Json knee_json(const Run& run, const std::optional<Knee>& knee, double p99_max_ms) {
    if (!knee) return nullptr;
    Json points = Json::array();
    for (const PhaseResult& phase : run.phases()) {
        if (phase.kind != "knee") continue;
        points.push_back({{"per_s", rounded(phase.offered_per_s, 1)},
                          {"acknowledged_per_s", rounded(phase.acknowledged_per_s, 1)},
                          {"p50_us", phase.tally.latency.at_percentile(50)},
                          {"p99_us", phase.tally.latency.at_percentile(99)},
                          {"held", phase.held()}});
    }
    char limit[80];
    std::snprintf(limit, sizeof limit, "p99 ≤ %g ms and nothing lost", p99_max_ms);
    return {{"per_s", rounded(knee->per_s, 1)},
            {"limit", limit},
            {"why", knee->why},
            {"points", std::move(points)}};
}

std::string cpu_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "";
}

Json machine_json() {
    return {{"cpu", cpu_name()},
            {"cores", sysconf(_SC_NPROCESSORS_ONLN)},
            {"memory_bytes", static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                                 static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))}};
}

}  // namespace

std::vector<Mark> read_marks(const std::filesystem::path& file, Timestamp began_at) {
    std::vector<Mark> marks;
    std::ifstream lines(file);
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        const auto blank = line.find(' ');
        const auto at = parse_timestamp(line.substr(0, blank));
        if (!at || blank == std::string::npos)
            throw std::invalid_argument(file.string() + ", line " + std::to_string(number) +
                                        ": is not a time, a blank and a text");
        marks.push_back({std::chrono::duration<double>(*at - began_at).count(), line.substr(blank + 1)});
    }
    return marks;
}

Json record_of(Run& run, const RecordDetails& details) {
    Json phases = Json::array();
    for (const PhaseResult& phase : run.phases())
        if (phase.kind != "warm-up") phases.push_back(phase_json(phase));
    Json marks = Json::array();
    for (const Mark& mark : details.marks)
        marks.push_back({{"at_s", rounded(mark.at_s, 0.1)}, {"text", mark.text}});
    Json versions = details.versions;
    utsname system{};
    if (uname(&system) == 0) versions["kernel"] = system.release;
    return {{"format", "activity-loadtest/1"},
            {"started_at", format_timestamp(run.began_at())},
            {"ended_at", format_timestamp(now())},
            {"command", details.command},
            {"settings", details.settings},
            {"versions", std::move(versions)},
            {"machine", machine_json()},
            {"phases", std::move(phases)},
            {"seconds", seconds_json(run.timeline().seconds())},
            {"groups", series_json(run.monitor().groups(), "lag", 1, "freshness_s", 0.01)},
            {"processes", series_json(run.monitor().processes(), "cores", 0.001, "rss_bytes", 1)},
            {"marks", std::move(marks)},
            {"knee", knee_json(run, details.knee, details.p99_max_ms)},
            {"ledger", nullptr},
            {"verdict", nullptr}};
}

void conclude(Json& record, Json ledger) {
    bool passed = true;
    std::string text;
    for (const Json& phase : record["phases"]) {
        if (phase["kind"] == "knee") continue;  // one of them is meant not to hold
        passed = passed && phase["held"];
        text += (text.empty() ? "" : "; ") + phase["sentence"].get<std::string>();
    }
    if (const Json& knee = record["knee"]; !knee.is_null())
        text += (text.empty() ? "" : "; ") +
                (knee["per_s"] > 0 ? "knee at " + grouped(knee["per_s"].get<std::uint64_t>()) + " events/s"
                                   : std::string("no knee found"));
    if (ledger.is_null()) {
        text += "; the ledger was not verified";
    } else {
        const auto count = [&](const char* name) { return grouped(ledger[name].get<std::uint64_t>()); };
        text += "; lost " + count("lost") + ", double " + count("double");
        if (ledger["never_sent"] > 0) text += ", stored and never sent " + count("never_sent");
        if (ledger["refused_stored"] > 0) text += ", refused and stored " + count("refused_stored");
        std::uint64_t differences = 0;
        for (const Json& counter : ledger["counters"])
            differences += counter["differences"].get<std::uint64_t>();
        if (differences > 0) text += ", counters that differ: " + grouped(differences);
        passed = passed && ledger["lost"] == 0 && ledger["double"] == 0 && ledger["never_sent"] == 0 &&
                 ledger["refused_stored"] == 0 && differences == 0;
    }
    record["ledger"] = std::move(ledger);
    record["verdict"] = {{"passed", passed}, {"text", std::move(text)}};
}

}  // namespace activity::loadtest
