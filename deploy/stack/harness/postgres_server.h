#pragma once

#include <cstdint>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/process.h"

namespace activity::harness {

/// One real PostgreSQL cluster, run by deploy/stack/postgres on a port and in a directory of its own, with
/// the migrations applied to a database that every test gets a copy of.
class PostgresServer {
  public:
    /// Starts it, migrates the template and makes the roles.
    PostgresServer();
    ~PostgresServer();

    /// How it is started otherwise than usual, until it is started again.
    struct Surroundings {
        std::vector<std::string> launcher;  ///< what the script's command line is put behind
        std::string also_listen;            ///< one more address
    };
    void start(const Surroundings& surroundings = {});
    /// A clean, quick end (fast shutdown), as an operator's restart.
    void stop();

    enum class As { superuser, owner, worker, analyst };
    /// What libpq takes: for the superuser through the socket, for the others over TCP with a password.
    std::string url(const std::string& database, As role, const std::string& host = "127.0.0.1") const;
    pid_t pid() const { return process_->pid(); }

    /// A new database, migrated, with partitions made ahead.
    void create_database(const std::string& name, const std::string& copy_of = "activity");
    /// Ends every connection to it and gives it another name.
    void rename_database(const std::string& name, const std::string& new_name);
    void drop_database(const std::string& name);

  private:
    std::string script(const std::string& command) const;
    std::string secret(const std::string& name) const;
    void administer(const std::vector<std::string>& statements) const;

    Directory directory_{"postgres"};
    std::uint16_t port_;
    std::unique_ptr<Process> process_;
};

/// One connection of a test's own. One thread.
class Session {
  public:
    explicit Session(const std::string& url);

    /// One statement in a transaction of its own.
    pqxx::result query(const std::string& sql);
    /// The single value of a single row.
    std::string value(const std::string& sql);
    std::int64_t number(const std::string& sql);

    pqxx::connection& connection() { return connection_; }

  private:
    pqxx::connection connection_;
};

/// A transaction that holds a table's lock, so that the programs under test stop exactly there: inside their
/// own transaction. Ends with the value.
class TableLock {
  public:
    /// In EXCLUSIVE mode readers go on and writers wait.
    TableLock(const std::string& url, const std::string& table, const std::string& mode = "EXCLUSIVE");
    /// Another statement in the transaction that holds the lock, which the others see when it is released.
    void execute(const std::string& sql);
    void release();

  private:
    Session session_;
    std::unique_ptr<pqxx::work> transaction_;
};

}  // namespace activity::harness
