#include "loadtest/verify/postgres.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace activity::loadtest {
namespace {

constexpr std::size_t keys_of_a_block = 4'096;

struct Clear {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, Clear>;

struct Free {
    void operator()(char* memory) const noexcept { PQfreemem(memory); }
};

std::string trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    return std::string(text);
}

/// libpq quotes pieces of a URL that it can't parse, and a password can be such a piece; so only the messages
/// of an attempt to connect are passed on.
std::string connection_error(std::string_view message) {
    if (message.starts_with("connection to server")) return "PostgreSQL: " + trimmed(message);
    if (message.starts_with("could not translate host name")) return "PostgreSQL's host name is not known";
    return "PostgreSQL's URL can't be used: it must be like postgresql://user:password@host:port/database, "
           "with special characters in the password written as %XX";
}

/// Big-endian numbers, as the binary format has them. Throws DatabaseError where it ends too early.
class Bytes {
  public:
    explicit Bytes(std::span<const char> bytes) : left_(bytes) {}
    bool empty() const { return left_.empty(); }
    std::span<const char> take(std::size_t count) {
        if (count > left_.size()) throw DatabaseError("PostgreSQL's COPY ended in the middle of a row");
        const auto taken = left_.first(count);
        left_ = left_.subspan(count);
        return taken;
    }
    template <typename Number>
    Number number() {
        Number number = 0;
        for (const char byte : take(sizeof number))
            number = static_cast<Number>(number << 8 | static_cast<unsigned char>(byte));
        return number;
    }

  private:
    std::span<const char> left_;
};

}  // namespace

Postgres::Postgres(const std::string& url) {
    // What stands before dbname is overridden by what the URL says.
    const std::array names{"connect_timeout", "fallback_application_name", "dbname",
                           static_cast<const char*>(nullptr)};
    const std::array values{"10", "activity-loadtest", url.c_str(), static_cast<const char*>(nullptr)};
    connection_.reset(PQconnectdbParams(names.data(), values.data(), 1));
    if (PQstatus(connection_.get()) != CONNECTION_OK)
        throw DatabaseError(connection_error(PQerrorMessage(connection_.get())));
    // Days are UTC's. To read 10 million rows takes as long as it takes.
    query(
        "SET TimeZone = 'UTC'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
        "SET jit = off");
}

void Postgres::fail(const PGresult* result) const {
    const char* message =
        result == nullptr ? PQerrorMessage(connection_.get()) : PQresultErrorMessage(result);
    const char* field = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view code = field == nullptr ? "" : field;
    std::string text = "PostgreSQL: " + trimmed(message);
    if (code == "42P01" || code == "3F000" || code == "42703")
        text += "\nThe database is not that of a pipeline, or not migrated: activityctl migrate.";
    throw DatabaseError(text);
}

std::vector<Postgres::Row> Postgres::query(const std::string& sql) {
    const Result result(PQexec(connection_.get(), sql.c_str()));
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(result.get());
    std::vector<Row> rows(static_cast<std::size_t>(PQntuples(result.get())));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        for (int column = 0; column < PQnfields(result.get()); ++column)
            rows[row].emplace_back(PQgetvalue(result.get(), static_cast<int>(row), column));
    }
    return rows;
}

std::string Postgres::literal(const std::string& text) const {
    const std::unique_ptr<char, Free> quoted(PQescapeLiteral(connection_.get(), text.c_str(), text.size()));
    if (!quoted) fail(nullptr);
    return quoted.get();
}

void Postgres::begin_copy(const std::string& query) {
    const Result result(
        PQexec(connection_.get(), ("COPY (" + query + ") TO STDOUT (FORMAT binary)").c_str()));
    if (PQresultStatus(result.get()) != PGRES_COPY_OUT) fail(result.get());
    copying_ = true;
    header_came_ = false;
}

std::span<const UuidBytes> Postgres::next_keys() {
    keys_.clear();
    while (copying_ && keys_.size() < keys_of_a_block) {
        char* memory = nullptr;
        const int size = PQgetCopyData(connection_.get(), &memory, 0);
        const std::unique_ptr<char, Free> bytes(memory);
        if (size == -2) fail(nullptr);
        if (size == -1) {
            copying_ = false;
            // Only this tells whether that was all.
            const Result ended(PQgetResult(connection_.get()));
            while (const Result rest{PQgetResult(connection_.get())}) {
            }
            if (PQresultStatus(ended.get()) != PGRES_COMMAND_OK) fail(ended.get());
            break;
        }
        take({bytes.get(), static_cast<std::size_t>(size)});
    }
    return keys_;
}

/// Whole rows, the header before the first of them.
/// Format: https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format".
void Postgres::take(std::span<const char> message) {
    Bytes bytes(message);
    if (!header_came_) {
        constexpr std::string_view signature("PGCOPY\n\377\r\n\0", 11);
        if (!std::ranges::equal(bytes.take(signature.size()), signature))
            throw DatabaseError("PostgreSQL's COPY is not in the binary format");
        bytes.take(sizeof(std::uint32_t));
        bytes.take(bytes.number<std::uint32_t>());
        header_came_ = true;
    }
    while (!bytes.empty()) {
        const auto columns = bytes.number<std::uint16_t>();
        if (columns == 0xffff) return;
        UuidBytes key;
        if (columns != 1 || bytes.number<std::uint32_t>() != key.size())
            throw DatabaseError("PostgreSQL's COPY has other columns than a key");
        std::memcpy(key.data(), bytes.take(key.size()).data(), key.size());
        keys_.push_back(key);
    }
}

}  // namespace activity::loadtest
