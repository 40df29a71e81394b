#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "schemas/activity/uuid.h"

namespace activity::loadtest {

/// PostgreSQL refused, or is not there. The text never holds the connection's URL or password.
class DatabaseError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// A connection that reads, without the product's own code: what is verified must not verify itself. libpq,
/// because libpqxx 6 has no binary COPY. One thread.
class Postgres {
  public:
    /// Throws DatabaseError: nobody answers, the password is wrong, the URL is none.
    explicit Postgres(const std::string& url);

    using Row = std::vector<std::string>;  ///< NULL is ""
    /// One statement or several; the last one's rows. Throws DatabaseError, as all of these do.
    std::vector<Row> query(const std::string& sql);
    /// As SQL writes a text, with quotes.
    std::string literal(const std::string& text) const;

    /// COPY … TO STDOUT (FORMAT binary) of a query with one column, uuid without NULLs. Nothing else may be
    /// asked until it has ended.
    void begin_copy(const std::string& query);
    /// The next keys, valid until the next call; empty at the end.
    std::span<const UuidBytes> next_keys();

  private:
    struct Finish {
        void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
    };

    [[noreturn]] void fail(const PGresult* result) const;
    void take(std::span<const char> bytes);

    std::unique_ptr<PGconn, Finish> connection_;
    std::vector<UuidBytes> keys_;
    bool copying_ = false;
    bool header_came_ = false;
};

}  // namespace activity::loadtest
