#include "workers/tests/found_tables.h"

#include <simdjson.h>
#include <cmath>
#include <optional>
#include <string_view>

namespace activity::testing_workers {
namespace {

/// SQL for a time as format_timestamp() writes it.
std::string utc(const std::string& column) {
    return "regexp_replace(to_char(" + column +
           " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '000Z$', 'Z')";
}

void add(Rows& found, const std::string& path, simdjson::dom::element value) {
    simdjson::dom::object members;
    if (value.get(members)) {
        found[path] = simdjson::minify(value);
        return;
    }
    for (const auto [name, member] : members) add(found, path + "." + std::string(name), member);
}

/// Field by field. Returns `asOf`.
Timestamp add_document(Rows& found, const std::string& learner, const std::string& document) {
    simdjson::dom::parser parser;
    simdjson::dom::object fields = parser.parse(document);
    Timestamp as_of{};
    for (const auto [name, value] : fields) {
        if (name == "asOf") {
            as_of = parse_timestamp(std::string_view(value)).value();
        } else if (name == "successRate" && value.is_number()) {
            found[learner + " successRate"] = std::to_string(std::llround(double(value) * 10'000)) + "/10000";
        } else {
            add(found, learner + " " + std::string(name), value);
        }
    }
    return as_of;
}

}  // namespace

Rows FoundTables::rollups() {
    return rows("SELECT granularity || ' ' || " + utc("bucket") +
                " || ' ' || dimension || ' ' || value, events || ' events, ' || coalesce(learners::text, "
                "'no') || ' learners, ' || attempts || ' attempts, ' || solved || ' solved, ' || orders "
                "|| ' orders, ' || clicks || ' clicks' FROM analytics.rollup");
}

Rows FoundTables::sessions() {
    return rows_of_learners("SELECT learner_key, ' from ' || " + utc("started_at") + ", 'to ' || " +
                            utc("ended_at") + " || ' × ' || events FROM activity.session");
}

Rows FoundTables::learner_days() {
    return rows_of_learners(
        "SELECT learner_key, ' ' || day || ' ' || activity, events || ' events, ' || attempts || ' "
        "attempts, ' || solved || ' solved, ' || clicks || ' clicks' FROM activity.learner_day");
}

Rows FoundTables::presence_times() {
    return rows_of_learners("SELECT learner_key, '', 'device ' || coalesce(" + utc("device_at") +
                            ", 'never') || ', place ' || coalesce(" + utc("location_at") +
                            ", 'never') FROM analytics.profile");
}

Rows FoundTables::profiles(Timestamp as_of) {
    Rows found;
    for (const auto& row :
         session_.query("SELECT learner_key, document FROM activity.profile_document(ARRAY(SELECT "
                        "learner_key FROM activity.profile), '" +
                        format_timestamp(as_of) + "')"))
        add_document(found, model_.learner_of(row[0].as<std::string>()), row[1].as<std::string>());
    return found;
}

Rows FoundTables::leaderboard() {
    Rows found;
    for (const auto& row :
         session_.query("SELECT course_id, learner_key, points || ' points, rank ' || rank FROM "
                        "analytics.leaderboard"))
        found[row[0].as<std::string>() + "/" + model_.learner_of(row[1].as<std::string>())] =
            row[2].as<std::string>();
    return found;
}

Rows FoundTables::popularity() {
    return rows("SELECT kind || ' ' || item, events || ' events, last ' || " + utc("last_at") +
                " FROM analytics.popularity");
}

std::map<std::string, double> FoundTables::popularity_log2() {
    std::map<std::string, double> found;
    for (const auto& row : session_.query("SELECT kind || ' ' || item, score_log2 FROM analytics.popularity"))
        found[row[0].as<std::string>()] = row[1].as<double>();
    return found;
}

FoundTables::Documents FoundTables::newest_documents() {
    std::map<std::string, std::optional<std::string>> newest;
    for (const auto& record : pipeline_.kafka().read(pipeline_.topic("profiles")))
        newest[record.key.value()] = record.value;
    Documents documents;
    for (const auto& [learner, document] : newest) {
        if (!document) {
            documents.found[learner] = "a tombstone";
            continue;
        }
        const auto as_of = add_document(documents.found, learner, *document);
        documents.expected.merge(model_.profile(learner, as_of));
    }
    for (const auto& learner : model_.learners()) {
        if (!newest.contains(learner)) documents.expected[learner] = "a document";
    }
    return documents;
}

Rows FoundTables::rows(const std::string& sql) {
    Rows found;
    for (const auto& row : session_.query(sql)) found[row[0].as<std::string>()] = row[1].as<std::string>();
    return found;
}

Rows FoundTables::rows_of_learners(const std::string& sql) {
    Rows found;
    for (const auto& row : session_.query(sql))
        found[model_.learner_of(row[0].as<std::string>()) + row[1].as<std::string>()] =
            row[2].as<std::string>();
    return found;
}

}  // namespace activity::testing_workers
