#include <exception>
#include <iostream>

#include "deploy/activityctl/commands/commands.h"

namespace {

using namespace activity;
using namespace activity::ctl;

constexpr const char* examples = R"(Examples:
  activityctl migrate
  activityctl topics apply --dry-run
  activityctl topics describe live-class
  echo '{"hello": 1}' | activityctl produce other --key web/u1 --header a=b
  activityctl consume live-class commerce --from 2026-11-21T14:00:00Z --until-end --format json
  activityctl lag
  activityctl report live
  activityctl export --from 2026-11-21 --to 2026-11-22 --format csv --output day.csv
  activityctl dlq list --summary
  activityctl gaps list
  activityctl replay --group records --from 2h
  activityctl erase --source web --user u1
  activityctl access --source web --user u1 --output u1.ndjson
  activityctl sources add shop --origin https://shop.example --rate 500
Exit codes: 0 done, 1 failed, 2 wrong usage or settings.
)";

int run(int argc, char** argv) {
    auto reader = service::SettingsReader::from_environment();
    Context context(read_settings(reader));

    CLI::App app(
        "The operator's hand on the activity pipeline: its topics, tables, records, lag and sources.",
        "activityctl");
    app.set_version_flag("--version", "activityctl " ACTIVITY_VERSION);
    app.require_subcommand(1);
    app.footer(std::string(examples) + "\n" + reader.help());
    commands::add_migrate(app, context);
    commands::add_partitions(app, context);
    commands::add_topics(app, context);
    commands::add_produce(app, context);
    commands::add_consume(app, context);
    commands::add_lag(app, context);
    commands::add_dlq(app, context);
    commands::add_gaps(app, context);
    commands::add_replay(app, context);
    commands::add_erase(app, context);
    commands::add_access(app, context);
    commands::add_report(app, context);
    commands::add_export(app, context);
    commands::add_sources(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_ok : exit_usage;
    }
    reader.finish();  // after --help, which must work with wrong settings too
    service::start_log("activityctl", context.settings().log);
    return context.run();
}

}  // namespace

int main(int argc, char** argv) {
    std::ios::sync_with_stdio(false);
    try {
        return run(argc, argv);
    } catch (const service::SettingsError& error) {
        std::cerr << error.what() << '\n';
        return exit_usage;
    } catch (const UsageError& error) {
        std::cerr << error.what() << "\nactivityctl --help shows what there is.\n";
        return exit_usage;
    } catch (const wire::Failure& failure) {
        std::cerr << failure.what() << '\n';
        switch (failure.disposition()) {
            case wire::Disposition::retry:
                std::cerr << "Check that Kafka runs, and ACTIVITY_KAFKA_BOOTSTRAP.\n";
                break;
            case wire::Disposition::fatal: std::cerr << "Check ACTIVITY_KAFKA_OPTIONS.\n"; break;
            case wire::Disposition::reject: break;
        }
        return exit_failed;
    } catch (const DatabaseError& error) {
        std::cerr << error.what() << '\n';
        // A table, a column, a function or a schema that is not there; a right that is missing.
        const auto& state = error.sqlstate();
        if (state == "42P01" || state == "42703" || state == "42883" || state == "3F000") {
            std::cerr << "This database lacks what the command needs: activityctl migrate\n";
        } else if (state == "42501") {
            std::cerr
                << "ACTIVITY_POSTGRES_URL must name a role that may do this: a member of activity_owner.\n";
        }
        return exit_failed;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return exit_failed;
    }
}
