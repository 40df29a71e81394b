#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace activity::ctl {

/// PostgreSQL refused, or is not there. The text never holds the connection's URL or password.
class DatabaseError : public std::runtime_error {
  public:
    DatabaseError(const std::string& what, std::string sqlstate)
        : std::runtime_error(what), sqlstate_(std::move(sqlstate)) {}
    /// Five characters; empty if the connection itself failed.
    const std::string& sqlstate() const { return sqlstate_; }

  private:
    std::string sqlstate_;
};

/// Others held what it needed: it may work at another time.
inline bool is_in_the_way(const DatabaseError& error) {
    return error.sqlstate() == "40P01" || error.sqlstate() == "55P03";
}

/// A value in PostgreSQL's text form; nothing for NULL.
using Value = std::optional<std::string>;
using Row = std::vector<Value>;

/// `{"a","b"}`: a parameter for $1::text[], $1::bigint[] and the like.
std::string array_text(const std::vector<std::string>& items);

/// One connection of an operator: the only place of the tool that knows libpqxx. SQL stands with the command
/// that it belongs to. A lost connection is an error, never a silent new session. One thread.
class Database {
  public:
    Database(const std::string& url, std::chrono::milliseconds connect_timeout);
    ~Database();
    Database(Database&&) noexcept;
    Database& operator=(Database&&) = delete;

    /// One statement, with $1, $2, … for its parameters. It commits by itself outside of a Transaction.
    std::vector<Row> query(const std::string& sql, const std::vector<Value>& parameters = {});

    class Transaction {
      public:
        ~Transaction();  ///< rolls back what was not committed
        Transaction(Transaction&&) noexcept;
        Transaction& operator=(Transaction&&) = delete;
        std::vector<Row> query(const std::string& sql, const std::vector<Value>& parameters = {});
        /// Row by row, a thousand at a time in memory. No other statement of the transaction meanwhile.
        void stream(const std::string& sql, const std::vector<Value>& parameters,
                    const std::function<void(const Row&)>& take);
        /// Any number of statements.
        void run_script(const std::string& sql);
        void commit();

      private:
        friend class Database;
        class Impl;
        explicit Transaction(std::unique_ptr<Impl> impl);
        std::unique_ptr<Impl> impl_;
    };
    /// One at a time; query() of the database is not to be used meanwhile.
    Transaction begin();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace activity::ctl
