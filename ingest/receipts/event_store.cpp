#include "ingest/receipts/event_store.h"

#include <libpq-fe.h>
#include <array>
#include <pqxx/pqxx>
#include <stdexcept>
#include <utility>

#include "ingest/receipts/receipt.h"

namespace activity::receipts {
namespace {

/// Times as microseconds since 1970, so that nobody has to parse one; marks have no commas.
constexpr const char* event_sql =
    "SELECT (extract(epoch FROM received_at) * 1000000)::bigint, (extract(epoch FROM stored_at) * "
    "1000000)::bigint, coalesce(array_to_string(marks, ','), '') "
    "FROM activity.event WHERE message_key = $1::uuid AND source = $2";

constexpr const char* offsets_sql =
    "SELECT topic, part, next_offset FROM activity.part_offset WHERE grp = $1";

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
    out.append(out.empty() ? "" : " ").append(name).append("='");
    for (const char c : value) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    out += '\'';
}

/// With limits on how long a server that is gone without a word keeps a request, unless it says otherwise.
std::string with_defaults(const std::string& conninfo) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> defaults{{
        {"application_name", "activity-receipts"},
        {"connect_timeout", "2"},      // seconds; libpq takes no less
        {"tcp_user_timeout", "3000"},  // milliseconds
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

Timestamp time_of(const pqxx::field& field) {
    return Timestamp(std::chrono::microseconds(field.as<std::int64_t>()));
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        parts.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

/// The server's first line: without what it quotes behind it.
std::string first_line(std::string_view text) {
    return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

void check_conninfo(const std::string& conninfo) {
    static_cast<void>(parse(conninfo));
}

/// One connection. One thread at a time.
class PostgresEventStore::Session {
  public:
    explicit Session(const PostgresSettings& settings) : connection(with_defaults(settings.conninfo)) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // libpqxx 7 never reconnects; 6 does unless told
        connection.inhibit_reactivation(true);
#pragma GCC diagnostic pop
        const std::string timeout = std::to_string(settings.statement_timeout.count());
        pqxx::nontransaction session(connection);
        session.exec("SET statement_timeout = " + timeout + "; SET lock_timeout = " + timeout +
                     "; SET idle_in_transaction_session_timeout = '10s'; SET jit = off");
        connection.prepare("event", event_sql);
        connection.prepare("offsets", offsets_sql);
    }

    pqxx::connection connection;
};

PostgresEventStore::PostgresEventStore(PostgresSettings settings) : settings_(std::move(settings)) {}
PostgresEventStore::~PostgresEventStore() = default;

std::unique_ptr<PostgresEventStore::Session> PostgresEventStore::idle_session() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    auto session = std::move(idle_.back());
    idle_.pop_back();
    return session;
}

/// A connection that lay idle may have died with its server: then the same is tried on others, at last on a
/// new one. Whatever fails on a new one is an outage for whoever asks, also a right or a column that is
/// missing.
template <typename Work>
auto PostgresEventStore::with_session(Work&& work) {
    for (;;) {
        auto session = idle_session();
        const bool is_new = session == nullptr;
        try {
            if (is_new) session = std::make_unique<Session>(settings_);
            auto result = work(session->connection);
            const std::lock_guard lock(mutex_);
            idle_.push_back(std::move(session));
            return result;
        } catch (const pqxx::broken_connection& error) {
            if (is_new) throw Unavailable("PostgreSQL: " + first_line(error.what()));
        } catch (const std::exception& error) {
            throw Unavailable("PostgreSQL: " + first_line(error.what()));
        }
    }
}

Standing PostgresEventStore::look_up(const MessageKey& key, std::string_view source) {
    return with_session([&](pqxx::connection& connection) {
        // Both questions see the same moment: else a worker that stores the event between them, and moves the
        // offsets, would make it look as if it were nowhere.
        pqxx::transaction<pqxx::repeatable_read, pqxx::read_only> moment(connection);
        Standing standing;
        const auto events = moment.exec_prepared("event", key.text(), std::string(source));
        if (!events.empty()) {
            const auto row = events.front();
            standing.event = StoredEvent{time_of(row[0]), time_of(row[1]), split(row[2].c_str())};
        } else {
            for (const auto& row : moment.exec_prepared("offsets", settings_.group_id)) {
                standing.next_offsets[{row[0].as<std::string>(), row[1].as<std::int32_t>()}] =
                    row[2].as<std::int64_t>();
            }
        }
        moment.commit();
        return standing;
    });
}

void PostgresEventStore::ping() {
    with_session([](pqxx::connection& connection) {
        pqxx::nontransaction session(connection);
        session.exec("SELECT");
        return true;
    });
}

}  // namespace activity::receipts
