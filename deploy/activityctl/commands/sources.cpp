#include <iostream>
#include <memory>
#include <optional>

#include "deploy/activityctl/commands/commands.h"
#include "deploy/activityctl/sources_file.h"
#include "deploy/activityctl/table.h"
#include "deploy/activityctl/terminal.h"

namespace activity::ctl::commands {
namespace {

struct Arguments {
    std::string name;
    std::vector<std::string> origins;
    double events_per_second = 0;
    double burst_events = 0;
    std::string schema;
    std::string time_window;
    bool enable = false;
    bool disable = false;
    int old_valid_for_hours = 7 * 24;
    std::string hash;
    bool all = false;
    bool yes = false;
    std::string activity;
    double keep = 0;
};

SourcesFile file_of(const Context& context) {
    if (context.settings().sources.empty()) {
        throw service::SettingsError(
            "ACTIVITY_SOURCES: is required (path of sources.toml); deploy/status shows the local stack's");
    }
    return SourcesFile(context.settings().sources);
}

Strictness strictness_of(const std::string& name) {
    return name == "off" ? Strictness::off : name == "reject" ? Strictness::reject : Strictness::mark;
}

std::string word(Strictness strictness) {
    switch (strictness) {
        case Strictness::off: return "off";
        case Strictness::mark: return "mark";
        case Strictness::reject: return "reject";
    }
    return "";
}

/// What was given on the command line; the rest stays as it is.
void apply(const Arguments& arguments, Source& source) {
    if (!arguments.origins.empty()) {
        source.origins = arguments.origins;
        std::erase(source.origins, "none");
    }
    if (arguments.events_per_second > 0) {
        source.events_per_second = arguments.events_per_second;
        source.burst_events = std::max(1.0, 5 * arguments.events_per_second);
    } else if (arguments.events_per_second < 0) {
        source.events_per_second.reset();
    }
    if (arguments.burst_events > 0) source.burst_events = arguments.burst_events;
    if (!arguments.schema.empty()) source.schema = strictness_of(arguments.schema);
    if (!arguments.time_window.empty()) source.time_window = strictness_of(arguments.time_window);
    if (arguments.enable) source.enabled = true;
    if (arguments.disable) source.enabled = false;
}

void add_properties(CLI::App& command, Arguments& arguments) {
    command.add_option("--origin", arguments.origins,
                       "Origin whose pages may send: https://school.example, https://*.school.example, "
                       "http://localhost:*, * for any; several times; none takes all back");
    command.add_option("--rate", arguments.events_per_second, "Events per second; -1 for no limit");
    command.add_option("--burst", arguments.burst_events, "Events that may come at once (5 seconds' worth)")
        ->check(CLI::PositiveNumber);
    command.add_option("--schema", arguments.schema, "What becomes of properties that break their schema")
        ->check(CLI::IsMember({"off", "mark", "reject"}));
    command
        .add_option("--time-window", arguments.time_window,
                    "What becomes of events that are too old or ahead")
        ->check(CLI::IsMember({"mark", "reject"}));
}

void add_name(CLI::App& command, Arguments& arguments) {
    command.add_option("name", arguments.name, "Name of the source")->required();
}

int show_key(const std::string& key) {
    std::cout << key << '\n';
    std::cerr << "This is the write key. It is shown once and kept nowhere; the file has its hash.\n";
    return exit_ok;
}

int add(const Context& context, const Arguments& arguments) {
    const std::string key = new_write_key();
    file_of(context).edit([&](std::vector<Source>& sources) {
        Source source;
        source.name = arguments.name;
        source.keys.push_back({hash_key(key), now(), std::nullopt});
        apply(arguments, source);
        sources.push_back(std::move(source));
    });
    return show_key(key);
}

int change(const Context& context, const Arguments& arguments) {
    file_of(context).edit(
        [&](std::vector<Source>& sources) { apply(arguments, source_named(sources, arguments.name)); });
    std::cout << "changed; ingest takes it over within a second\n";
    return exit_ok;
}

int rotate(const Context& context, const Arguments& arguments) {
    const std::string key = new_write_key();
    const Timestamp time = now();
    file_of(context).edit([&](std::vector<Source>& sources) {
        ctl::rotate(source_named(sources, arguments.name), hash_key(key), time,
                    time + std::chrono::hours(arguments.old_valid_for_hours));
    });
    std::cerr << "The keys before it stay valid for " << arguments.old_valid_for_hours << " hours.\n";
    return show_key(key);
}

int revoke(const Context& context, const Arguments& arguments) {
    if (arguments.all == !arguments.hash.empty()) throw UsageError("give one of --key and --all");
    file_of(context).edit([&](std::vector<Source>& sources) {
        Source& source = source_named(sources, arguments.name);
        if (arguments.all) {
            source.keys.clear();
        } else {
            ctl::revoke(source, arguments.hash);
        }
    });
    std::cout << "revoked; ingest refuses it within a second\n";
    return exit_ok;
}

int remove(const Context& context, const Arguments& arguments) {
    if (!arguments.yes &&
        !confirmed("Everything that sends under a key of " + arguments.name + " will be refused.",
                   arguments.name)) {
        std::cerr << "Nothing was removed.\n";
        return exit_failed;
    }
    file_of(context).edit([&](std::vector<Source>& sources) {
        source_named(sources, arguments.name);
        std::erase_if(sources, [&](const Source& source) { return source.name == arguments.name; });
        if (sources.empty()) throw CommandError("the last source cannot be removed; disable it instead");
    });
    std::cout << "removed\n";
    return exit_ok;
}

int drop(const Context& context, const Arguments& arguments, bool add_rule) {
    file_of(context).edit([&](std::vector<Source>& sources) {
        Source& source = source_named(sources, arguments.name);
        const auto before = source.drop.size();
        std::erase_if(source.drop, [&](const DropRule& rule) {
            return Catalogue::normalised(rule.activity) == Catalogue::normalised(arguments.activity);
        });
        if (add_rule) {
            source.drop.push_back({arguments.activity, arguments.keep});
        } else if (source.drop.size() == before) {
            throw CommandError("no rule of " + arguments.name + " drops " + arguments.activity);
        }
    });
    std::cout << "changed; ingest takes it over within a second\n";
    return exit_ok;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& one : words) text += (text.empty() ? "" : " ") + one;
    return text;
}

Cell time_cell(const std::optional<Timestamp>& time) {
    return time ? Cell(format_timestamp(*time)) : Cell();
}

int list(const Context& context) {
    Table sources({"source", "enabled", "origins", "events_per_second", "burst", "schema", "time_window",
                   "drops", "key_sha256", "key_created", "key_expires"});
    for (const Source& source : file_of(context).read()) {
        std::vector<std::string> drops;
        for (const DropRule& rule : source.drop) {
            std::ostringstream text;
            text << rule.activity << " (keep " << rule.keep << ")";
            drops.push_back(text.str());
        }
        const auto rate = [&](double value) {
            return source.events_per_second ? Cell(static_cast<std::int64_t>(value)) : Cell();
        };
        const auto row = [&](Cell hash, Cell created, Cell expires) {
            sources.add({source.name, source.enabled, joined(source.origins),
                         rate(source.events_per_second.value_or(0)), rate(source.burst_events),
                         word(source.schema), word(source.time_window), joined(drops), std::move(hash),
                         std::move(created), std::move(expires)});
        };
        if (source.keys.empty()) row(Cell(), Cell(), Cell());
        for (const WriteKey& key : source.keys) {
            // Enough of it to name it, for people; scripts get all.
            const std::string hash = format_hash(key.hash);
            row(context.json ? hash : hash.substr(0, 12), time_cell(key.created), time_cell(key.expires));
        }
    }
    if (context.json) {
        std::cout << sources.json() << '\n';
    } else {
        sources.print(std::cout);
    }
    return exit_ok;
}

}  // namespace

void add_sources(CLI::App& app, Context& context) {
    auto& group =
        *app.add_subcommand("sources", "Who may send: sources, their write keys, origins, rates, rules");
    group.require_subcommand(1);
    const auto arguments = std::make_shared<Arguments>();
    const auto command = [&](const char* name, const char* help, auto action) -> CLI::App& {
        auto& added = *group.add_subcommand(name, help);
        on_run(added, context, [&context, arguments, action] { return action(context, *arguments); });
        return added;
    };

    add_json(command("list", "List the sources, a line a key", [](auto& c, auto&) { return list(c); }),
             context);

    auto& adding = command("add", "Add a source; prints its write key", add);
    add_name(adding, *arguments);
    add_properties(adding, *arguments);

    auto& changing = command("set", "Change a source", change);
    add_name(changing, *arguments);
    add_properties(changing, *arguments);
    auto* enable = changing.add_flag("--enable", arguments->enable, "Take its events");
    changing.add_flag("--disable", arguments->disable, "Refuse its events (403)")->excludes(enable);

    auto& rotating = command("rotate", "Give a source a new write key, and let the others expire", rotate);
    add_name(rotating, *arguments);
    rotating
        .add_option("--old-valid-for-hours", arguments->old_valid_for_hours,
                    "How long the keys before it stay valid")
        ->capture_default_str()
        ->check(CLI::Range(0, 24 * 365));

    auto& revoking = command("revoke", "Take a write key back at once", revoke);
    add_name(revoking, *arguments);
    revoking.add_option("--key", arguments->hash,
                        "The first digits of the key's SHA-256, as `list` shows it");
    revoking.add_flag("--all", arguments->all, "Every key of the source");

    auto& dropping = command("drop", "Drop an activity of a source, or keep only a share of its learners",
                             [](auto& c, auto& a) { return drop(c, a, true); });
    add_name(dropping, *arguments);
    dropping.add_option("activity", arguments->activity, "Name of the activity")->required();
    dropping.add_option("--keep", arguments->keep, "Share of the learners whose events are kept")
        ->check(CLI::Range(0.0, 1.0));

    auto& undropping =
        command("undrop", "Take a drop rule back", [](auto& c, auto& a) { return drop(c, a, false); });
    add_name(undropping, *arguments);
    undropping.add_option("activity", arguments->activity, "Name of the activity")->required();

    auto& removing = command("remove", "Remove a source with its keys", remove);
    add_name(removing, *arguments);
    removing.add_flag("--yes", arguments->yes, "Do not ask");
}

}  // namespace activity::ctl::commands
