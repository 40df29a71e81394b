// An operator at a pipeline of his own: activityctl as it is run by hand, against real servers.
#pragma once

#include <gmock/gmock.h>
#include <chrono>
#include <filesystem>

#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"

namespace activity::harness {

struct Ran {
    int code = -1;
    std::string out;
    std::string err;
};

class Operator : public testing::Test {
  protected:
    Environment environment() const {
        const auto prefix = pipeline_.topic("");
        return {{"ACTIVITY_KAFKA_BOOTSTRAP", servers().kafka.bootstrap()},
                {"ACTIVITY_POSTGRES_URL", pipeline_.url(PostgresServer::As::owner)},
                {"ACTIVITY_TOPIC_PREFIX", prefix},
                {"ACTIVITY_GROUP_PREFIX", prefix.substr(0, prefix.size() - 1) + "-"}};
    }

    /// Starts activityctl with its three streams in files of their own.
    Process start(const std::string& name, const std::vector<std::string>& arguments,
                  const std::string& input = "", const Environment& settings = {}) const {
        write_file(file(name + ".in"), input);
        Process::Command command{
            {"/bin/sh", "-c", R"(in=$1 out=$2 err=$3; shift 3; exec "$@" <"$in" >"$out" 2>"$err")", "sh",
             file(name + ".in"), file(name + ".out"), file(name + ".err"), activityctl_program()},
            environment(),
            file(name + ".log")};
        command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
        for (const auto& [setting, value] : settings) command.environment[setting] = value;
        return Process(command);
    }

    Ran finish(const std::string& name, Process process) const {
        const auto exit = process.wait(std::chrono::seconds(60));
        if (!exit) ADD_FAILURE() << name << " does not end";
        return {exit ? exit->code : -1, read_file(file(name + ".out")), read_file(file(name + ".err"))};
    }

    Ran ctl(const std::vector<std::string>& arguments, const std::string& input = "",
            const Environment& settings = {}) {
        const auto name = "ctl" + std::to_string(++runs_);
        return finish(name, start(name, arguments, input, settings));
    }

    /// A catalogue whose only topic is `mine`.
    Environment catalogue_with(const std::string& retention_ms, int partitions) const {
        std::string toml = "unknown_topic = \"mine\"\n[[topic]]\nname = \"mine\"\npartitions = " +
                           std::to_string(partitions) + "\nconfig = { \"retention.ms\" = \"" + retention_ms +
                           "\" }\n";
        for (const std::string type : {"page", "screen", "identify", "group", "alias", "merge"}) {
            toml += "[[activity]]\nid = \"" + type + "\"\nname = \"" + type + "\"\ntype = \"" + type +
                    "\"\ntopic = \"mine\"\n";
        }
        write_file(file("catalogue.toml"), toml);
        return {{"ACTIVITY_CATALOGUE", file("catalogue.toml")}};
    }

    /// By another client than the one under test; partition -1: as the key says.
    KafkaRecord put(const std::string& topic, int partition, std::optional<std::string> key,
                    const std::string& value, std::vector<std::pair<std::string, std::string>> headers = {}) {
        return pipeline_.kafka().write({{topic, partition}, -1, std::move(key), value, std::move(headers)});
    }

    std::filesystem::path file(const std::string& name) const { return directory_.path() / name; }

    Directory directory_{"operator"};
    Pipeline pipeline_;  // its topics have been made by `topics apply`
    int runs_ = 0;
};

}  // namespace activity::harness
