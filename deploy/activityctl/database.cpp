#include "deploy/activityctl/database.h"

#include <algorithm>
#include <pqxx/pqxx>
#include <string_view>

namespace activity::ctl {
namespace {

std::string trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    return std::string(text);
}

/// Why there is no connection. libpq quotes pieces of a URL that it can't parse, and a password can be such a
/// piece; so only the messages of an attempt to connect are passed on, which name host, port, user and
/// reason.
std::string connection_error(std::string_view message) {
    if (message.starts_with("connection to server")) {
        return "PostgreSQL does not answer: " + trimmed(message) +
               "\nCheck that it runs, and ACTIVITY_POSTGRES_URL.";
    }
    if (message.starts_with("could not translate host name")) {
        return "PostgreSQL's host name is not known. Check the host in ACTIVITY_POSTGRES_URL.";
    }
    return "ACTIVITY_POSTGRES_URL can't be used: it must be like "
           "postgresql://user:password@host:port/database, "
           "with special characters in the password written as %XX, or like 'host=… port=… dbname=… user=…'.";
}

/// Calls the library, and makes its errors ours.
template <typename Call>
auto classified(Call&& call) {
    try {
        return call();
    } catch (const pqxx::broken_connection& error) {
        throw DatabaseError("the connection to PostgreSQL was lost: " + trimmed(error.what()), "");
    } catch (const pqxx::sql_error& error) {
        throw DatabaseError("PostgreSQL: " + trimmed(error.what()), error.sqlstate());
    } catch (const pqxx::failure& error) {
        throw DatabaseError("PostgreSQL: " + trimmed(error.what()), "");
    }
}

std::vector<Row> rows_of(const pqxx::result& result) {
    std::vector<Row> rows;
    rows.reserve(result.size());
    for (const auto& row : result) {
        auto& values = rows.emplace_back();
        for (const auto& field : row) {
            values.push_back(field.is_null() ? Value{} : Value{std::string(field.c_str(), field.size())});
        }
    }
    return rows;
}

std::vector<Row> run(pqxx::transaction_base& transaction, const std::string& sql,
                     const std::vector<Value>& parameters) {
    return classified([&] {
        if (parameters.empty()) return rows_of(transaction.exec(sql));
        std::vector<const char*> values;
        for (const auto& value : parameters) values.push_back(value ? value->c_str() : nullptr);
        return rows_of(transaction.exec_params(sql, pqxx::prepare::make_dynamic_params(values)));
    });
}

std::unique_ptr<pqxx::connection> connect(const std::string& url, std::chrono::milliseconds timeout) {
    // As the environment's defaults, because the text may be a URL or keywords, and may say it itself.
    const auto seconds = std::max<std::int64_t>(2, (timeout.count() + 999) / 1000);
    setenv("PGCONNECT_TIMEOUT", std::to_string(seconds).c_str(), 0);
    setenv("PGAPPNAME", "activityctl", 0);
    try {
        auto connection = std::make_unique<pqxx::connection>(url);
        // Else a broken connection silently becomes a new session. Deprecated because libpqxx 7 never does
        // that.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
        connection->inhibit_reactivation(true);
#pragma GCC diagnostic pop
        connection->set_client_encoding("UTF8");
        return connection;
    } catch (const pqxx::failure& error) {
        throw DatabaseError(connection_error(error.what()), "");
    }
}

}  // namespace

std::string array_text(const std::vector<std::string>& items) {
    std::string text = "{";
    for (const auto& item : items) {
        text += text.size() > 1 ? ",\"" : "\"";
        for (const char letter : item) {
            if (letter == '"' || letter == '\\') text += '\\';
            text += letter;
        }
        text += '"';
    }
    return text + "}";
}

class Database::Impl {
  public:
    Impl(const std::string& url, std::chrono::milliseconds timeout) : connection(connect(url, timeout)) {}
    std::unique_ptr<pqxx::connection> connection;
};

class Database::Transaction::Impl {
  public:
    explicit Impl(pqxx::connection& connection) : work(connection) {}
    pqxx::work work;
};

Database::Database(const std::string& url, std::chrono::milliseconds connect_timeout)
    : impl_(std::make_unique<Impl>(url, connect_timeout)) {}
Database::~Database() = default;
Database::Database(Database&&) noexcept = default;

std::vector<Row> Database::query(const std::string& sql, const std::vector<Value>& parameters) {
    pqxx::nontransaction direct(*impl_->connection);
    return run(direct, sql, parameters);
}

Database::Transaction Database::begin() {
    return classified([&] { return Transaction(std::make_unique<Transaction::Impl>(*impl_->connection)); });
}

Database::Transaction::Transaction(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::Transaction::~Transaction() = default;
Database::Transaction::Transaction(Transaction&&) noexcept = default;

std::vector<Row> Database::Transaction::query(const std::string& sql, const std::vector<Value>& parameters) {
    return run(impl_->work, sql, parameters);
}

void Database::Transaction::stream(const std::string& sql, const std::vector<Value>& parameters,
                                   const std::function<void(const Row&)>& take) {
    (void)run(impl_->work, "DECLARE rows NO SCROLL CURSOR FOR " + sql, parameters);
    for (;;) {
        const auto rows = run(impl_->work, "FETCH FORWARD 1000 FROM rows", {});
        if (rows.empty()) break;
        for (const auto& row : rows) take(row);
    }
    (void)run(impl_->work, "CLOSE rows", {});
}

void Database::Transaction::run_script(const std::string& sql) {
    (void)run(impl_->work, sql, {});
}

void Database::Transaction::commit() {
    classified([&] { impl_->work.commit(); });
}

}  // namespace activity::ctl
