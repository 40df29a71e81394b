#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include "deploy/activityctl/database.h"
#include "deploy/activityctl/table.h"
#include "schemas/catalogue/catalogue.h"
#include "schemas/service/log.h"
#include "schemas/service/settings.h"
#include "schemas/wire/admin.h"

namespace activity::ctl {

/// Called wrongly: exit code 2.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// It could not be done; the text says what to do next. Exit code 1.
class CommandError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

struct Settings {
    std::string bootstrap;  ///< empty: not configured
    wire::ClientOptions client_options;
    std::string topic_prefix;
    std::string group_prefix;
    std::filesystem::path catalogue;
    std::filesystem::path migrations;
    std::filesystem::path sources;  ///< empty: not configured
    std::string postgres_url;       ///< secret; empty: not configured
    service::LogSettings log;
};

Settings read_settings(service::SettingsReader& reader);

/// What every command works with: the settings, the options that all share, and how to reach the servers.
/// Nothing is connected before a command asks for it.
class Context {
  public:
    explicit Context(Settings settings) : settings_(std::move(settings)) {}

    const Settings& settings() const { return settings_; }
    bool has_kafka() const { return !settings_.bootstrap.empty(); }
    bool has_database() const { return !settings_.postgres_url.empty(); }

    /// Throw SettingsError if the setting is missing.
    wire::ClusterSettings cluster() const;
    wire::Admin admin() const;
    Database database() const;
    Catalogue catalogue() const;

    /// A topic by the name that an operator typed: the prefix is put before it unless it is there already, or
    /// unless `exact` says to take it as it is.
    std::string topic(const std::string& name) const;
    /// Kafka's name of a worker group: `records` → `<prefix>activity-records`.
    std::string worker_group(const std::string& name) const;
    /// The other way round: `records`, whichever of its names was typed.
    std::string short_group(const std::string& name) const;

    // Options of the command line, bound by the commands.
    bool json = false;
    Format format = Format::table;
    bool exact = false;
    double timeout_s = 10;

    std::chrono::milliseconds timeout() const {
        return std::chrono::milliseconds(static_cast<int>(timeout_s * 1000));
    }

    /// The command that was chosen; returns the exit code.
    std::function<int()> run;

  private:
    Settings settings_;
};

}  // namespace activity::ctl
