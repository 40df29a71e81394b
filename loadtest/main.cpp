#include <exception>
#include <iostream>

#include "loadtest/commands/commands.h"

namespace {

using namespace activity::loadtest;

constexpr const char* examples = R"(Examples:
  activity-loadtest run --target http://127.0.0.1:8080 --source web=KEY --phase 1x=hold:1500:60 --out run-1
  activity-loadtest run --target http://127.0.0.1:8080 --source web=KEY --preset 10x \
      --phase 1x=hold:1500:60 --phase 10x=step:1500:15000:120 --knee-from 15000 --out run-2
  activity-loadtest verify run-2
  activity-loadtest report run-2/run.json --output run-2/report.html
  activity-loadtest compare run-1/run.json run-2/run.json
Settings (environment): ACTIVITY_KAFKA_BOOTSTRAP and ACTIVITY_POSTGRES_URL of the system under test, for lag and ledger.
Exit codes: 0 held and nothing lost, 1 not, 2 wrong usage.
)";

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Tells what a platform's traffic does to the pipeline, and proves that nothing was lost.",
                 "activity-loadtest");
    app.set_version_flag("--version", "activity-loadtest " ACTIVITY_VERSION);
    app.require_subcommand(1);
    app.footer(examples);
    int code = 0;
    commands::add_run(app, code);
    commands::add_verify(app, code);
    commands::add_report(app, code);
    commands::add_compare(app, code);
    try {
        app.parse(argc, argv);
        return code;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::invalid_argument& error) {
        std::cerr << "activity-loadtest: " << error.what() << '\n';
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "activity-loadtest: " << error.what() << '\n';
        return 1;
    }
}
