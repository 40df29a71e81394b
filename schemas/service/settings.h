#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace activity::service {

/// Every mistake in the settings, one a line, each with the name to change.
class SettingsError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// host:port. Port 0 asks for any free one.
struct Address {
    std::string host;
    std::uint16_t port = 0;
    std::string text() const;
};

/// Reads settings by name, remembers what was asked for (for --help), and collects mistakes instead of
/// stopping at the first. Names are environment variables; a file named by ACTIVITY_CONFIG (TOML, `NAME =
/// value`) may hold the same names. A name given in both places is a mistake: one of the two would be ignored
/// silently.
class SettingsReader {
  public:
    using Values = std::map<std::string, std::string, std::less<>>;

    /// `prefix_known`: names in the file that start so, and that nobody asked for, are mistakes.
    explicit SettingsReader(Values values);
    /// From the environment of this process and ACTIVITY_CONFIG.
    static SettingsReader from_environment();

    std::string required(const std::string& name, const std::string& help);
    /// Never shown by help() or in a mistake.
    std::string secret(const std::string& name, const std::string& help);
    std::string text(const std::string& name, const std::string& help, const std::string& fallback);
    std::int64_t integer(const std::string& name, const std::string& help, std::int64_t fallback,
                         std::int64_t min, std::int64_t max);
    /// Unit in the name: …_MS.
    std::chrono::milliseconds milliseconds(const std::string& name, const std::string& help,
                                           std::chrono::milliseconds fallback, std::chrono::milliseconds min,
                                           std::chrono::milliseconds max);
    Address address(const std::string& name, const std::string& help, const std::string& fallback);
    std::string one_of(const std::string& name, const std::string& help, const std::string& fallback,
                       const std::vector<std::string>& allowed);

    /// A mistake found elsewhere, for example in a file that a setting names.
    void mistake(std::string text);
    /// Throws SettingsError if there was any mistake.
    void finish() const;
    /// A table of everything that was asked for: name, default, meaning.
    std::string help() const;

  private:
    struct Declared {
        std::string name, fallback, help;
    };
    const std::string* find(const std::string& name, const std::string& fallback, const std::string& help);

    Values values_;
    std::vector<Declared> declared_;
    std::vector<std::string> mistakes_;
};

}  // namespace activity::service
