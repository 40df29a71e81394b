#include "deploy/stack/harness/postgres_server.h"

#include <csignal>
#include <stdexcept>

#include "deploy/stack/harness/programs.h"
#include "deploy/stack/harness/wait.h"

namespace activity::harness {
namespace {

constexpr const char* postgres_script = ACTIVITY_SOURCE_DIR "/deploy/stack/postgres";

}  // namespace

PostgresServer::PostgresServer() : port_(free_port()) {
    start();
    script("database");
    // Migrations and partitions by the tool that operators use.
    const Environment environment{{"ACTIVITY_POSTGRES_URL", url("activity", As::owner)}};
    run({{activityctl_program(), "migrate"}, environment, directory_.path() / "migrate.log"});
    run({{activityctl_program(), "partitions", "create", "--days-ahead", "2"},
         environment,
         directory_.path() / "partitions.log"});
    script("roles");
}

PostgresServer::~PostgresServer() {
    // By itself, so that it frees its shared memory; at once, as its data go anyway.
    process_->signal(SIGQUIT);
    process_->wait(std::chrono::seconds(10));
}

void PostgresServer::start(const Surroundings& surroundings) {
    std::vector<std::string> arguments = surroundings.launcher;
    arguments.insert(arguments.end(), {postgres_script, "run", "--dir", directory_.path() / "cluster",
                                       "--port", std::to_string(port_), "--fast"});
    if (!surroundings.also_listen.empty())
        arguments.insert(arguments.end(), {"--also-listen", surroundings.also_listen});
    process_ =
        std::make_unique<Process>(Process::Command{std::move(arguments),
                                                   {{"ACTIVITY_LOCAL_DIR", directory_.path() / "local"}},
                                                   directory_.path() / "postgres.log"});
    wait_until("PostgreSQL answers on port " + std::to_string(port_), [&] {
        if (!process_->running()) throw std::logic_error("PostgreSQL has ended:\n" + process_->output());
        Session(url("postgres", As::superuser));
        return true;
    });
}

void PostgresServer::stop() {
    process_->stop(SIGINT, std::chrono::seconds(60));
}

std::string PostgresServer::script(const std::string& command) const {
    return run(
        {{postgres_script, command, "--dir", directory_.path() / "cluster", "--port", std::to_string(port_)},
         {{"ACTIVITY_LOCAL_DIR", directory_.path() / "local"}},
         directory_.path() / (command + ".log")});
}

std::string PostgresServer::secret(const std::string& name) const {
    std::string text = read_file(directory_.path() / "local" / "stack" / "secrets" / name);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

std::string PostgresServer::url(const std::string& database, As role, const std::string& host) const {
    if (role == As::superuser)
        return "host=" + (directory_.path() / "cluster").string() + " port=" + std::to_string(port_) +
               " user=postgres dbname=" + database;
    const auto [user, secret_name] = role == As::owner ? std::pair("activity_migrator", "postgres_migrator")
                                     : role == As::worker ? std::pair("worker", "postgres_worker")
                                                          : std::pair("analyst", "postgres_analyst");
    return "postgresql://" + std::string(user) + ":" + secret(secret_name) + "@" + host + ":" +
           std::to_string(port_) + "/" + database;
}

void PostgresServer::administer(const std::vector<std::string>& statements) const {
    // Not in a transaction: PostgreSQL does not take these there.
    pqxx::connection connection(url("postgres", As::superuser));
    pqxx::nontransaction work(connection);
    for (const std::string& statement : statements) work.exec(statement);
}

void PostgresServer::create_database(const std::string& name, const std::string& copy_of) {
    administer({"CREATE DATABASE " + name + " TEMPLATE " + copy_of + " OWNER activity_migrator"});
}

void PostgresServer::rename_database(const std::string& name, const std::string& new_name) {
    wait_until("the database " + name + " has another name", [&] {
        administer({"ALTER DATABASE " + name + " ALLOW_CONNECTIONS false",
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'",
                    "ALTER DATABASE " + name + " RENAME TO " + new_name,
                    "ALTER DATABASE " + new_name + " ALLOW_CONNECTIONS true"});
        return true;
    });
}

void PostgresServer::drop_database(const std::string& name) {
    administer({"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"});
}

Session::Session(const std::string& url) : connection_(url) {}

pqxx::result Session::query(const std::string& sql) {
    pqxx::work work(connection_);
    pqxx::result result = work.exec(sql);
    work.commit();
    return result;
}

std::string Session::value(const std::string& sql) {
    const pqxx::result result = query(sql);
    if (result.size() != 1 || result.columns() != 1) throw std::runtime_error("not one value: " + sql);
    return result[0][0].is_null() ? "" : result[0][0].as<std::string>();
}

std::int64_t Session::number(const std::string& sql) {
    return std::stoll(value(sql));
}

TableLock::TableLock(const std::string& url, const std::string& table, const std::string& mode)
    : session_(url), transaction_(std::make_unique<pqxx::work>(session_.connection())) {
    execute("LOCK TABLE " + table + " IN " + mode + " MODE");
}

void TableLock::execute(const std::string& sql) {
    transaction_->exec(sql);
}

void TableLock::release() {
    transaction_->commit();
    transaction_.reset();
}

}  // namespace activity::harness
