// A trace of real learners comes through the whole pipeline as it is in its file: clicks per learner, per
// type of page and per day are the file's own sums, although everything is sent twice. Files have the form of
// the Open University Learning Analytics Dataset (Kuzilek, Hlosta, Zdrahal, Scientific Data 4:170171, 2017);
// the test makes small ones of that form, ACTIVITY_TRACE_DIR names a directory of others.

#include <gtest/gtest.h>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/activity/json.h"
#include "schemas/activity/learner_key.h"
#include "schemas/activity/timestamp.h"

namespace activity {
namespace {

using namespace std::chrono;
using harness::Client;
using harness::ClientEvent;
using harness::Ledger;
using harness::Pipeline;

/// Rows of a plain CSV file, with or without quotes around each field, by the names in its first line.
class CsvRows {
  public:
    explicit CsvRows(const std::filesystem::path& file) : file_(file.string()), stream_(file) {
        if (!stream_ || !read(names_)) throw std::runtime_error(file_ + ": can't be read");
    }

    bool next() { return read(fields_); }
    const std::string& operator[](std::string_view name) const {
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (names_[i] == name && i < fields_.size()) return fields_[i];
        }
        throw std::runtime_error(file_ + ": a row has no " + std::string(name));
    }

  private:
    bool read(std::vector<std::string>& fields) {
        std::string line;
        if (!std::getline(stream_, line)) return false;
        if (!line.empty() && line.back() == '\r') line.pop_back();
        fields.assign(1, "");
        bool quoted = false;
        for (const char c : line) {
            if (c == '"') {
                quoted = !quoted;
            } else if (c == ',' && !quoted) {
                fields.emplace_back();
            } else {
                fields.back() += c;
            }
        }
        return true;
    }

    std::string file_;
    std::ifstream stream_;
    std::vector<std::string> names_, fields_;
};

/// What a row of studentVle.csv is as an event.
struct Click {
    std::string message_id, learner, course, resource, page_type;
    Timestamp at;
    std::int64_t clicks = 0;

    ClientEvent as_sent() const {
        std::string text = R"({"type":"track","event":"Resource Clicked","messageId":)";
        const auto add = [&](std::string_view before, const std::string& value) {
            text += before;
            json::append_string(text, value);
        };
        json::append_string(text, message_id);
        add(R"(,"userId":)", learner);
        add(R"(,"timestamp":)", format_timestamp(at));
        add(R"(,"properties":{"courseId":)", course);
        add(R"(,"resourceId":)", resource);
        if (!page_type.empty()) add(R"(,"pageType":)", page_type);
        return {message_id, text + R"(,"clicks":)" + std::to_string(clicks) + "}}"};
    }
};

/// The rows of studentVle.csv in order, with the page types of vle.csv.
class Trace {
  public:
    explicit Trace(const std::filesystem::path& directory) : rows_(directory / "studentVle.csv") {
        for (CsvRows pages(directory / "vle.csv"); pages.next();)
            page_types_[pages["id_site"]] = pages["activity_type"];
    }

    bool next(Click& click) {
        if (!rows_.next()) return false;
        // Rows are not unique, so it is the number that makes one a message of its own, whenever it is sent.
        click.message_id = "trace row " + std::to_string(++number_);
        click.learner = rows_["id_student"];
        click.course = rows_["code_module"] + "-" + rows_["code_presentation"];
        click.resource = rows_["id_site"];
        const auto page = page_types_.find(click.resource);
        click.page_type = page == page_types_.end() ? "" : page->second;
        // A file has days; within one, rows are spread by their number.
        const auto second = seconds(number_ * 7'919 % 86'400);
        click.at = start(rows_["code_presentation"]) + days(std::stoi(rows_["date"])) + second;
        click.clicks = std::stoll(rows_["sum_click"]);
        return true;
    }

  private:
    /// Days are counted from the start of a presentation: 2013B is that of February, 2013J that of October.
    static sys_days start(const std::string& presentation) {
        const year_month_day first =
            year(std::stoi(presentation)) / (presentation.back() == 'B' ? February : October) / 1;
        return sys_days(first);
    }

    CsvRows rows_;
    std::map<std::string, std::string> page_types_;
    std::int64_t number_ = 0;
};

struct Sums {
    std::int64_t events = 0, clicks = 0;
    bool operator==(const Sums&) const = default;
    void add(const Click& click) {
        ++events;
        clicks += click.clicks;
    }
};
std::ostream& operator<<(std::ostream& out, const Sums& sums) {
    return out << sums.events << " events, " << sums.clicks << " clicks";
}

std::string day_of(Timestamp at) {
    return format_timestamp(floor<days>(at)).substr(0, std::string_view("2013-10-01").size());
}

/// By `<learner> <day>`, `<day> <type of page>` and `<day>`.
struct TraceSums {
    std::map<std::string, Sums> learners, page_types, days;

    void add(const Click& click) {
        const auto day = day_of(click.at);
        learners[learner_key("web/" + click.learner).text() + " " + day].add(click);
        if (!click.page_type.empty()) page_types[day + " " + click.page_type].add(click);
        days[day].add(click);
    }
};

/// A small trace of the same form: quotes in one file and not in the other, equal rows, days before the
/// start, a page that vle.csv does not have.
void write_trace(const std::filesystem::path& directory) {
    std::mt19937 random(4711);
    const auto below = [&](int end) { return std::uniform_int_distribution<int>(0, end - 1)(random); };
    std::ofstream pages(directory / "vle.csv");
    pages << R"("id_site","code_module","code_presentation","activity_type","week_from","week_to")" << '\n';
    constexpr std::array types{"homepage", "forumng", "quiz", "oucontent"};
    for (int site = 1; site < 20; ++site) {
        pages << '"' << 546'000 + site << R"(","AAA","2013J",")" << types[static_cast<std::size_t>(site) % 4]
              << R"(","","")" << '\n';
    }
    std::ofstream clicks(directory / "studentVle.csv");
    clicks << "code_module,code_presentation,id_student,id_site,date,sum_click\n";
    for (int row = 0; row < 3'000; ++row) {
        clicks << (below(4) == 0 ? "BBB,2014B," : "AAA,2013J,") << 28'400 + below(60) << ','
               << 546'000 + below(20) << ',' << below(40) - 10 << ',' << 1 + below(9) << '\n';
    }
}

class TraceTest : public ::testing::Test {
  protected:
    TraceTest() {
        const char* const given = std::getenv("ACTIVITY_TRACE_DIR");
        if (given != nullptr && *given != '\0') {
            directory_ = given;
        } else {
            write_trace(made_.path());
            directory_ = made_.path();
        }
    }

    /// All of the file, in batches. How many rows.
    std::size_t send() {
        constexpr std::size_t batch_events = 500;
        Client client(pipeline_.ingest(), ledger_);
        std::vector<ClientEvent> batch;
        std::size_t rows = 0;
        const auto flush = [&] {
            if (batch.empty()) return;
            harness::wait_until("the ingest takes the events", [&] {
                const auto response = client.send(batch);
                return response && response->status == 202;
            });
            batch.clear();
        };
        Click click;
        for (Trace trace(directory_); trace.next(click); ++rows) {
            batch.push_back(click.as_sent());
            if (batch.size() == batch_events) flush();
        }
        flush();
        return rows;
    }

    std::map<std::string, Sums> stored(const std::string& sql) {
        std::map<std::string, Sums> sums;
        for (const auto& row : pipeline_.session(harness::PostgresServer::As::superuser).query(sql))
            sums[row[0].as<std::string>()] = {row[1].as<std::int64_t>(), row[2].as<std::int64_t>()};
        return sums;
    }
    std::map<std::string, Sums> stored_days(const std::string& dimension, const std::string& value) {
        return stored("SELECT to_char(bucket AT TIME ZONE 'UTC', 'YYYY-MM-DD')" + value +
                      ", events, clicks FROM analytics.rollup WHERE granularity = 'day' AND dimension = '" +
                      dimension + "'");
    }

    static void expect_equal(const std::map<std::string, Sums>& found,
                             const std::map<std::string, Sums>& expected, const char* what) {
        EXPECT_EQ(found.size(), expected.size()) << what;
        int wrong = 0;
        for (const auto& [key, sums] : expected) {
            const auto at = found.find(key);
            if (at != found.end() && at->second == sums) continue;
            ADD_FAILURE() << what << " " << key << ": expected " << sums << "; found "
                          << (at == found.end() ? Sums{} : at->second);
            if (++wrong == 5) return;
        }
    }

    harness::Directory made_{"trace"};
    std::filesystem::path directory_;
    Pipeline pipeline_;
    Ledger ledger_;
};

TEST_F(TraceTest, clicks_per_learner_page_type_and_day_are_those_of_the_file) {
    TraceSums expected;
    {
        Click click;
        for (Trace trace(directory_); trace.next(click);) expected.add(click);
    }
    // The traces are of years ago, and to be believed.
    const auto ingest = pipeline_.start_ingest(
        {{"ACTIVITY_INGEST_EVENT_AGE_MAX_MS", std::to_string(milliseconds(days(36'500)).count())}});
    const auto first = pipeline_.start_worker({}, 1, "rollups,profiles");
    const auto second = pipeline_.start_worker({}, 1, "rollups,profiles");
    const auto start = steady_clock::now();
    const auto rows = send();
    EXPECT_EQ(send(), rows);
    for (const auto* group : {"rollups", "profiles"}) {
        pipeline_.wait_caught_up(minutes(10), group);
        EXPECT_EQ(pipeline_.kafka().written({pipeline_.dead_letter_topic(group)}), 0) << group;
    }
    const duration<double> took = steady_clock::now() - start;

    EXPECT_EQ(ledger_.count(harness::Outcome::acknowledged), rows);
    EXPECT_EQ(ledger_.wrong_answers(), std::vector<std::string>{});
    expect_equal(stored("SELECT learner_key || ' ' || day, events, clicks FROM activity.learner_day WHERE "
                        "activity = 'resource_clicked'"),
                 expected.learners, "a learner's clicks");
    expect_equal(stored_days("page_type", " || ' ' || value"), expected.page_types, "clicks on pages");
    expect_equal(stored_days("all", ""), expected.days, "a day's clicks");

    Sums all;
    for (const auto& [day, sums] : expected.days) {
        all.events += sums.events;
        all.clicks += sums.clicks;
    }
    std::cout << rows << " rows, sent twice in " << took.count() << " s: " << all << "; "
              << expected.learners.size() << " learners and days, " << expected.page_types.size()
              << " days and page types, " << expected.days.size() << " days\n";
    EXPECT_EQ(static_cast<std::size_t>(all.events), rows);
}

}  // namespace
}  // namespace activity
