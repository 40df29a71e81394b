#pragma once

#include <libpq-fe.h>
#include <pqxx/pqxx>
#include <string>

namespace activity::workers {

/// Reads a libpq URL or keyword string. Throws std::invalid_argument that does not repeat it.
void check_conninfo(const std::string& conninfo);

/// The same with what our connections need, unless it says otherwise: an application name, and limits on how
/// long a dead peer goes unnoticed.
std::string with_defaults(const std::string& conninfo, const std::string& application_name);

/// SQL: limits for a session that is alone with its server. A worker that is cut off or stopped in the middle
/// of a transaction loses it within about ten seconds, and with it its locks. COPY is the one statement that
/// waits for the client without any of these limits but the keepalives; so it comes before the fence, and
/// whoever waits for its rows ends it (PostgresStore). Our statements are too short to be compiled.
inline constexpr const char* session_limits =
    "SET statement_timeout = '30s';"
    "SET lock_timeout = '10s';"
    "SET idle_in_transaction_session_timeout = '10s';"
    "SET tcp_keepalives_idle = 5;"
    "SET tcp_keepalives_interval = 2;"
    "SET tcp_keepalives_count = 3;"
    "SET tcp_user_timeout = '10s';"
    "SET client_connection_check_interval = '2s';"
    "SET TimeZone = 'UTC';"  // days are UTC's
    "SET jit = off;"
    "SET client_min_messages = warning";

namespace internal {

/// libpqxx keeps its PGconn to itself; this policy remembers the one that it makes.
class RememberingPolicy : public pqxx::connect_direct {
  public:
    explicit RememberingPolicy(const std::string& conninfo) : pqxx::connect_direct(conninfo) {}
    handle do_startconnect(handle original) override {
        return raw_ = pqxx::connect_direct::do_startconnect(original);
    }
    handle do_disconnect(handle original) noexcept override {
        raw_ = nullptr;
        return pqxx::connect_direct::do_disconnect(original);
    }
    PGconn* raw() const { return raw_; }

  private:
    PGconn* raw_ = nullptr;
};

struct PolicyMember {
    RememberingPolicy policy;
};

}  // namespace internal

/// A connection of libpqxx that also gives its PGconn: libpqxx 6 can't do a binary COPY. Never reconnects by
/// itself, because the session's state (temporary table, limits, a transaction) would be gone silently.
/// One thread.
class Connection : private internal::PolicyMember, public pqxx::connection_base {
  public:
    /// Throws pqxx::broken_connection.
    explicit Connection(const std::string& conninfo);
    ~Connection() noexcept { close(); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    PGconn* raw() const { return policy.raw(); }
    bool broken() const { return raw() == nullptr || PQstatus(raw()) != CONNECTION_OK; }
};

}  // namespace activity::workers
