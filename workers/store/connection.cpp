#include "workers/store/connection.h"

#include <array>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace activity::workers {
namespace {

struct FreeOptions {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

Options parse(const std::string& conninfo) {
    char* error = nullptr;
    Options options(PQconninfoParse(conninfo.c_str(), &error));
    // libpq's text may repeat a part of the string, and with it a password.
    PQfreemem(error);
    if (!options) throw std::invalid_argument("is neither a postgresql:// URL nor a string of keyword=value");
    return options;
}

void append_keyword(std::string& out, std::string_view name, std::string_view value) {
    if (!out.empty()) out += ' ';
    out += name;
    out += "='";
    for (const char c : value) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    out += '\'';
}

}  // namespace

void check_conninfo(const std::string& conninfo) {
    static_cast<void>(parse(conninfo));
}

std::string with_defaults(const std::string& conninfo, const std::string& application_name) {
    const std::array<std::pair<std::string_view, std::string_view>, 6> defaults{{
        {"application_name", application_name},
        {"connect_timeout", "5"},
        // A server that is gone without a word is noticed within these times (seconds; milliseconds).
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "15000"},
    }};
    std::string out;
    const Options options = parse(conninfo);
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) append_keyword(out, option->keyword, option->val);
        for (const auto& [name, value] : defaults) {
            if (name == option->keyword && option->val == nullptr) append_keyword(out, name, value);
        }
    }
    return out;
}

Connection::Connection(const std::string& conninfo)
    : PolicyMember{internal::RememberingPolicy(conninfo)}, pqxx::connection_base(policy) {
    init();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // libpqxx 7 never reconnects; 6 does unless told
    inhibit_reactivation(true);
#pragma GCC diagnostic pop
}

}  // namespace activity::workers
