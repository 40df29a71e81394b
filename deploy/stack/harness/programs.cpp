#include "deploy/stack/harness/programs.h"

#include <simdjson.h>
#include <sstream>
#include <stdexcept>

#include "deploy/stack/harness/wait.h"

namespace activity::harness {

std::string program_path(const std::string& name) {
    return ACTIVITY_BIN_DIR "/" + name;
}
std::string activityctl_program() {
    return program_path("activityctl");
}
std::string ingest_program() {
    return program_path("activity-ingest");
}
std::string worker_program() {
    return program_path("activity-worker");
}

Program::Program(const std::string& name, const Process::Command& command) : process_(command), name_(name) {
    wait_ready();
}

Program Program::unready(const std::string& name, const Process::Command& command) {
    return Program(Process(command), name);
}

void Program::wait_ready() {
    wait_until(name_ + " is ready", [&] {
        simdjson::dom::parser parser;
        std::istringstream lines(process_.output());
        for (std::string line; std::getline(lines, line);) {
            simdjson::dom::object entry;
            if (parser.parse(line).get(entry)) continue;
            std::string_view text;
            if (entry["message"].get(text) || text != "ready") continue;
            for (const auto field : entry)
                if (!field.value.get(text)) ready_[std::string(field.key)] = text;
            return true;
        }
        if (!process_.running())
            throw std::logic_error(name_ + " has ended before it was ready:\n" + process_.output());
        return false;
    });
}

Endpoint Program::address(const std::string& field) const {
    const auto found = ready_.find(field);
    if (found == ready_.end())
        throw std::runtime_error("no field " + field + " in the ready line of " + name_);
    return parse_endpoint(found->second);
}

bool Program::is_ready() const {
    return http_get(address("admin"), "/health/ready").status == 200;
}
bool Program::is_live() const {
    return http_get(address("admin"), "/health/live").status == 200;
}

double Program::metric(const std::string& name, const std::string& label_part) const {
    double sum = 0;
    std::istringstream lines(http_get(address("admin"), "/metrics").body);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(name)) continue;
        const char next = line.size() > name.size() ? line[name.size()] : '\0';
        if (next != '{' && next != ' ') continue;
        if (line.find(label_part) == std::string::npos) continue;
        sum += std::stod(line.substr(line.rfind(' ') + 1));
    }
    return sum;
}

std::size_t Program::logged(const std::string& message) const {
    const std::string output = process_.output();
    const std::string wanted = "\"message\":\"" + message;
    std::size_t count = 0;
    for (std::size_t at = output.find(wanted); at != std::string::npos; at = output.find(wanted, at + 1))
        ++count;
    return count;
}

}  // namespace activity::harness
