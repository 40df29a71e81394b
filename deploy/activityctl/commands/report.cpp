#include <algorithm>
#include <iostream>
#include <memory>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/table.h"
#include "deploy/activityctl/time_option.h"
#include "schemas/activity/learner_key.h"

namespace activity::ctl::commands {
namespace {

constexpr std::size_t name_characters = 40;
constexpr int live_minutes = 60;
constexpr int live_course_minutes = 10;
constexpr int live_courses = 10;

struct Arguments {
    std::int64_t top = 0;
    std::string user;
    std::string source;
    std::string from = "7d";
    std::string to = "now";
    std::string course;
};

Cell whole(const Value& value) {
    return value ? Cell(std::int64_t{std::stoll(*value)}) : Cell();
}

Cell fraction(const Value& value) {
    return value ? Cell(std::stod(*value)) : Cell();
}

/// Whole for programs; for people no longer than a column can be.
Cell name(const Context& context, const Value& value) {
    if (!value) return {};
    return context.format == Format::table ? Cell(printable(*value, name_characters)) : Cell(*value);
}

/// In the form of RFC 3339, to the second.
std::string utc(const std::string& time) {
    return "to_char(" + time + " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
}

std::string key_of(const Arguments& arguments) {
    if (arguments.source.empty() || arguments.user.empty())
        throw UsageError("--user and --source go together: a source's users are its own");
    return learner_key(arguments.source + "/" + arguments.user).text();
}

void write(const Context& context, const Table& table, const std::string& when_empty) {
    if (context.format == Format::table && table.empty()) {
        std::cerr << when_empty << '\n';
    } else {
        table.write(std::cout, context.format);
    }
}

int learners(const Context& context, const Arguments& arguments) {
    const bool one = !arguments.user.empty() || !arguments.source.empty();
    // The newest by the table that has the times; the view computes a row's windows and streak only for
    // these.
    const auto query =
        "SELECT source, user_id, anonymous_id, " + utc("first_seen_at") + ", " + utc("last_seen_at") +
        ", events, events_7_days, streak_days, sessions, attempts, solved, success_rate, country "
        "FROM analytics.profile WHERE learner_key = ANY (" +
        (one ? "ARRAY[$1::uuid]"
             : "ARRAY(SELECT p.learner_key FROM activity.profile AS p ORDER BY p.last_seen_at DESC, "
               "p.learner_key LIMIT $1::bigint)") +
        ") ORDER BY last_seen_at DESC, learner_key";
    auto database = context.database();
    Table table({"source", "user", "anonymous", "first_seen_at", "last_seen_at", "events", "events_7_days",
                 "streak_days", "sessions", "attempts", "solved", "success_rate", "country"});
    for (const auto& row : database.query(query, {one ? key_of(arguments) : std::to_string(arguments.top)})) {
        table.add({name(context, row[0]), name(context, row[1]), name(context, row[2]), row[3].value(),
                   row[4].value(), whole(row[5]), whole(row[6]), whole(row[7]), whole(row[8]), whole(row[9]),
                   whole(row[10]), fraction(row[11]), name(context, row[12])});
    }
    if (one && table.empty()) {
        throw CommandError("nothing is known of user " + printable(arguments.user) + " of " +
                           printable(arguments.source) +
                           "; 'activityctl lag --group profiles' shows whether that group "
                           "is behind");
    }
    write(context, table, "No learners yet. The group profiles fills this: activityctl lag --group profiles");
    return exit_ok;
}

int courses(const Context& context, const Arguments& arguments) {
    const auto now = activity::now();
    const auto from = parse_time_option("--from", arguments.from, now);
    const auto to = parse_time_option("--to", arguments.to, now);
    if (from >= to) throw UsageError("--from must lie before --to");
    auto database = context.database();
    // Days as a whole: of a day that --from or --to cuts there is one number of learners, not two.
    Table table({"course", "days", "events", "learners_a_day", "attempts", "solved", "orders"});
    for (const auto& row : database.query(
             "SELECT value, count(*), sum(events), round(avg(learners), 1), sum(attempts), sum(solved), "
             "sum(orders) "
             "FROM analytics.rollup WHERE granularity = 'day' AND dimension = 'course' "
             "AND bucket >= date_trunc('day', $1::timestamptz, 'UTC') AND bucket < $2::timestamptz "
             "GROUP BY value ORDER BY sum(events) DESC, value LIMIT $3::bigint",
             {format_timestamp(from), format_timestamp(to), std::to_string(arguments.top)})) {
        table.add({name(context, row[0]), whole(row[1]), whole(row[2]), fraction(row[3]), whole(row[4]),
                   whole(row[5]), whole(row[6])});
    }
    write(context, table,
          "Nothing happened in any course then. The group rollups counts: activityctl lag --group rollups");
    return exit_ok;
}

int live(const Context& context, const Arguments&) {
    auto database = context.database();
    Table minutes({"minute", "events", "learners"});
    std::int64_t most = 0;
    const auto rows = database.query(
        "SELECT " + utc("m.minute") +
            ", coalesce(r.events, 0), coalesce(r.learners, 0) FROM generate_series("
            "date_trunc('minute', now()) - ($1::integer - 1) * interval '1 minute', date_trunc('minute', "
            "now()), "
            "interval '1 minute') AS m (minute) LEFT JOIN analytics.rollup AS r ON r.granularity = 'minute' "
            "AND r.bucket = m.minute AND r.dimension = 'all' AND r.value = '' ORDER BY m.minute",
        {std::to_string(live_minutes)});
    for (const auto& row : rows) {
        minutes.add({row[0].value(), whole(row[1]), whole(row[2])});
        most = std::max<std::int64_t>(most, std::stoll(row[1].value()));
    }
    Table top({"course", "events"});
    for (const auto& row :
         database.query("SELECT value, sum(events) FROM analytics.rollup WHERE granularity = 'minute' AND "
                        "dimension = 'course' "
                        "AND bucket > now() - $1::integer * interval '1 minute' AND bucket <= now() "
                        "GROUP BY value ORDER BY 2 DESC, 1 LIMIT $2::integer",
                        {std::to_string(live_course_minutes), std::to_string(live_courses)})) {
        top.add({name(context, row[0]), whole(row[1])});
    }
    if (context.format == Format::json) {
        std::cout << "{\"minutes\": " << minutes.json() << ",\n\"courses\": " << top.json() << "}\n";
        return exit_ok;
    }
    if (context.format == Format::csv) {
        minutes.write(std::cout, Format::csv);  // one table a file; courses has the other
        return exit_ok;
    }
    Table shown({"minute", "events", "learners", ""});
    for (const auto& row : rows) {
        const auto events = std::stoll(row[1].value());
        const auto bar = most == 0 ? 0 : events * 30 / most;
        shown.add({row[0].value().substr(11, 5), whole(row[1]), whole(row[2]),
                   std::string(static_cast<std::size_t>(bar), '#')});
    }
    shown.print(std::cout);
    std::cout << "\nTop courses of the last " << live_course_minutes << " minutes\n";
    if (top.empty()) {
        std::cout << "none\n";
    } else {
        top.print(std::cout);
    }
    return exit_ok;
}

int leaderboard(const Context& context, const Arguments& arguments) {
    auto database = context.database();
    const bool one = !arguments.user.empty() || !arguments.source.empty();
    // Who a key is, if the group profiles knows.
    const bool named = !database.query("SELECT 1 WHERE to_regclass('activity.profile') IS NOT NULL").empty();
    const std::string who = named ? "p.source, coalesce(p.user_id, p.anonymous_id)" : "NULL, NULL";
    const std::string join = named ? " LEFT JOIN activity.profile AS p USING (learner_key)" : "";
    const auto ranked =
        one ? database.query(
                  "SELECT activity.leaderboard_rank(l.course_id, l.learner_key), l.learner_key, l.points, " +
                      who + " FROM activity.leaderboard AS l" + join +
                      " WHERE l.course_id = $1 AND l.learner_key = $2::uuid",
                  {arguments.course, key_of(arguments)})
            : database.query("SELECT l.rank, l.learner_key, l.points, " + who +
                                 " FROM activity.leaderboard_top($1, $2::integer) AS l" + join +
                                 " ORDER BY l.rank, l.learner_key",
                             {arguments.course, std::to_string(arguments.top)});
    Table table({"rank", "points", "source", "user", "learner_key"});
    for (const auto& row : ranked) {
        table.add(
            {whole(row[0]), whole(row[2]), name(context, row[3]), name(context, row[4]), row[1].value()});
    }
    const auto where =
        arguments.course.empty() ? "in all courses" : "in the course " + printable(arguments.course);
    if (one && table.empty()) {
        throw CommandError("user " + printable(arguments.user) + " of " + printable(arguments.source) +
                           " has no points " + where);
    }
    write(context, table, "Nobody has points " + where + " yet.");
    return exit_ok;
}

}  // namespace

void add_report(CLI::App& app, Context& context) {
    auto& group = *app.add_subcommand("report", "What learners do: learners, courses, live, leaderboard");
    group.require_subcommand(1);
    group.footer(
        "Examples:\n"
        "  activityctl report live\n"
        "  activityctl report learners --top 20\n"
        "  activityctl report learners --source web --user u1 --json\n"
        "  activityctl report courses --from 2026-11-01 --to 2026-12-01 --format csv > november.csv\n"
        "  activityctl report leaderboard --course algebra-1 --top 10\n"
        "  activityctl report leaderboard --course algebra-1 --source web --user u1");
    const auto command = [&](const char* name, const char* what, auto action) -> CLI::App& {
        auto& made = *group.add_subcommand(name, what);
        add_format(made, context);
        add_timeout(made, context);
        const auto arguments = std::make_shared<Arguments>();
        arguments->top = 100;
        if (made.get_name() != "live") {
            made.add_option("--top", arguments->top, "At most that many")
                ->capture_default_str()
                ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
        }
        if (made.get_name() == "learners" || made.get_name() == "leaderboard") {
            made.add_option("--user", arguments->user, "Only this user ID");
            made.add_option("--source", arguments->source, "The source that knows the user");
        }
        if (made.get_name() == "courses") {
            made.add_option("--from", arguments->from, "First day: 2026-11-01, or 7d for a week ago")
                ->capture_default_str();
            made.add_option("--to", arguments->to, "End, exclusive")->capture_default_str();
        }
        if (made.get_name() == "leaderboard")
            made.add_option("--course", arguments->course, "Course (default: all courses together)");
        on_run(made, context, [&context, arguments, action] { return action(context, *arguments); });
        return made;
    };
    command("learners", "Who was active last, or what is known about one", learners);
    command("courses", "What happened in each course, by days (UTC)", courses);
    command("live", "The last hour by the minute, and the busiest courses now", live)
        .footer("CSV has the minutes only; JSON both.");
    command("leaderboard", "The best of a course, or the rank of one learner", leaderboard);
}

}  // namespace activity::ctl::commands
