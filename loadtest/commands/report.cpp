#include <iostream>
#include <memory>

#include "loadtest/commands/commands.h"
#include "loadtest/commands/files.h"
#include "loadtest/report/page.h"

namespace activity::loadtest::commands {

void add_report(CLI::App& app, int& code) {
    struct Options {
        std::filesystem::path record, output;
    };
    auto options = std::make_shared<Options>();
    auto* const command =
        app.add_subcommand("report", "Makes a page of a record: one file, which needs no network.");
    command->add_option("record", options->record, "run.json")->required()->check(CLI::ExistingFile);
    command->add_option("--output", options->output, "the page (report.html beside the record)");
    command->callback([options, &code] {
        auto file = options->output;
        if (file.empty()) file = options->record.parent_path() / "report.html";
        write_file(file, report_page(read_record(options->record).dump()));
        std::cerr << "written to " << file.string() << '\n';
        code = 0;
    });
}

}  // namespace activity::loadtest::commands
