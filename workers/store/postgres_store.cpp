#include "workers/store/postgres_store.h"

#include <cassert>
#include <charconv>
#include <utility>

#include "schemas/service/log.h"
#include "workers/groups/copy_rows.h"
#include "workers/store/bisect.h"
#include "workers/store/connection.h"
#include "workers/store/sqlstate.h"

namespace activity::workers {
namespace {

constexpr std::size_t chunk_bytes = 65'536;
constexpr std::size_t detail_bytes_max = 500;

/// Limits for a session that is alone with its server: a worker that is cut off or stopped in the middle of a
/// transaction loses it within about ten seconds, and with it the lock on its offsets. COPY is the one
/// statement that waits for the client without any of these limits but the keepalives; so it comes before the
/// fence.
constexpr const char* session_sql =
    "SET statement_timeout = '30s';"
    "SET lock_timeout = '10s';"
    "SET idle_in_transaction_session_timeout = '10s';"
    "SET tcp_keepalives_idle = 5;"
    "SET tcp_keepalives_interval = 2;"
    "SET tcp_keepalives_count = 3;"
    "SET tcp_user_timeout = '10s';"
    "SET client_connection_check_interval = '2s';"
    // The staging table stays in memory, and its statements are too short to be compiled.
    "SET temp_buffers = '16MB';"
    "SET jit = off;"
    "SET client_min_messages = warning";

constexpr const char* claim_sql =
    "INSERT INTO activity.part_offset AS p (grp, topic, part, next_offset, epoch, owner) "
    "SELECT $1, wanted.topic, wanted.part, wanted.oldest, 1, $2 "
    "FROM unnest($3::text[], $4::integer[], $5::bigint[]) AS wanted (topic, part, oldest) "
    "ORDER BY wanted.topic, wanted.part "
    "ON CONFLICT (grp, topic, part) DO UPDATE SET epoch = p.epoch + 1, owner = excluded.owner, updated_at = "
    "now() "
    "RETURNING topic, part, next_offset, epoch";

constexpr const char* fence_sql =
    "UPDATE activity.part_offset AS p SET next_offset = batch.new, updated_at = now() "
    "FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[]) "
    "AS batch (topic, part, epoch, old, new) "
    "WHERE p.grp = $1 AND p.topic = batch.topic AND p.part = batch.part "
    "AND p.epoch = batch.epoch AND p.next_offset = batch.old";

constexpr const char* state_sql =
    "SELECT p.topic, p.part, p.next_offset, p.epoch FROM activity.part_offset AS p "
    "JOIN unnest($2::text[], $3::integer[]) AS wanted (topic, part) USING (topic, part) WHERE p.grp = $1";

/// A PostgreSQL array of topics or numbers: neither needs escaping.
template <typename Items, typename Member>
std::string array(const Items& items, Member&& member) {
    std::string out = "{";
    for (const auto& item : items) {
        if (out.size() > 1) out += ',';
        if constexpr (std::is_same_v<std::decay_t<decltype(member(item))>, std::string>) {
            out.append("\"").append(member(item)).append("\"");
        } else {
            out += std::to_string(member(item));
        }
    }
    return out + '}';
}

std::vector<PartitionState> states(const pqxx::result& result) {
    std::vector<PartitionState> out;
    for (const auto& row : result) {
        out.push_back({{row[0].as<std::string>(), row[1].as<std::int32_t>()},
                       row[2].as<std::int64_t>(),
                       row[3].as<std::int64_t>()});
    }
    return out;
}

/// The server's first line: what went wrong, without the rows that it quotes behind it.
std::string first_line(std::string_view text) {
    return std::string(text.substr(0, std::min(text.find('\n'), detail_bytes_max)));
}

struct FreeResult {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, FreeResult>;

[[noreturn]] void fail(const Result& result, PGconn* connection) {
    const char* code = result ? PQresultErrorField(result.get(), PG_DIAG_SQLSTATE) : nullptr;
    const std::string sqlstate = code == nullptr ? "" : code;
    throw StoreFailure(
        remedy(sqlstate), sqlstate,
        first_line(code == nullptr ? PQerrorMessage(connection) : PQresultErrorMessage(result.get())));
}

std::string stage_sql(const Group& group) {
    std::string sql;
    for (const auto& [name, type] : group.stage) {
        sql.append(sql.empty() ? "" : ", ").append(name).append(" ").append(type);
    }
    return "CREATE TEMPORARY TABLE stage (" + sql + ") ON COMMIT DELETE ROWS";
}

std::string effect_name(std::size_t index) {
    return "effect_" + std::to_string(index);
}

/// Behind a savepoint and with little patience for locks: what is only counted must not keep anything from
/// being stored, as while create_partition() has locked event_default.
Conflicts find_conflicts(const Connection& connection, pqxx::dbtransaction& transaction, const Batch& batch) {
    transaction.exec("SAVEPOINT conflicts; SET LOCAL lock_timeout = '200ms'");
    try {
        const auto row = transaction.exec_prepared1("conflicts", batch.rows().front().key.text(),
                                                    batch.rows().back().key.text());
        return {row[0].as<std::size_t>(), row[1].is_null() ? "" : row[1].as<std::string>()};
    } catch (const pqxx::sql_error& error) {
        if (connection.broken()) throw;
        service::log_warn("conflicting repeats were not counted", {{"why", first_line(error.what())}});
    }
    transaction.exec("ROLLBACK TO SAVEPOINT conflicts");
    return {};
}

}  // namespace

PostgresStore::PostgresStore(PostgresSettings settings, const Group& group)
    : settings_(std::move(settings)), group_(group) {
    assert(!group_.effect.empty());
}

PostgresStore::~PostgresStore() = default;

void PostgresStore::connect() {
    if (connection_ && !connection_->broken()) return;
    connection_.reset();
    auto connection = std::make_unique<Connection>(with_defaults(settings_.conninfo, settings_.owner));
    {
        pqxx::nontransaction session(*connection);
        session.exec(session_sql);
        session.exec(stage_sql(group_));
    }
    connection->prepare("claim", claim_sql);
    connection->prepare("fence", fence_sql);
    connection->prepare("state", state_sql);
    for (std::size_t i = 0; i < group_.effect.size(); ++i)
        connection->prepare(effect_name(i), group_.effect[i]);
    if (!group_.conflicts.empty()) connection->prepare("conflicts", group_.conflicts);
    connection_ = std::move(connection);
}

/// Turns whatever the libraries throw into a StoreFailure. A connection that is not known to be good is given
/// up.
template <typename Work>
auto PostgresStore::guarded(Work&& work) {
    const auto broken = [this] { return !connection_ || connection_->broken(); };
    const auto give_up = [this](const std::string& sqlstate, std::string_view what) {
        // Once the connection is gone, libpq knows why; libpqxx only that it can't go on.
        const char* const lost = connection_ && connection_->raw() != nullptr && connection_->broken()
                                     ? PQerrorMessage(connection_->raw())
                                     : "";
        const std::string why = first_line(*lost == '\0' ? what : lost);
        connection_.reset();
        return StoreFailure(Remedy::wait, sqlstate, why);
    };
    try {
        connect();
        return work();
    } catch (const StoreFailure& failure) {
        if (broken() || failure.remedy() == Remedy::wait) throw give_up(failure.sqlstate(), failure.what());
        throw;
    } catch (const pqxx::sql_error& error) {
        const Remedy what_to_do = remedy(error.sqlstate());
        if (broken() || what_to_do == Remedy::wait) throw give_up(error.sqlstate(), error.what());
        throw StoreFailure(what_to_do, error.sqlstate(), first_line(error.what()));
    } catch (const std::exception& error) {
        // broken_connection; in_doubt_error, which the fence resolves when the batch is stored again.
        throw give_up("", error.what());
    }
}

std::vector<PartitionState> PostgresStore::claim(const std::vector<wire::PartitionOffset>& oldest) {
    if (oldest.empty()) {
        return guarded([] { return std::vector<PartitionState>(); });
    }
    return guarded([&] {
        pqxx::work transaction(*connection_);
        const auto claimed = states(transaction.exec_prepared(
            "claim", settings_.group_id, settings_.owner,
            array(oldest, [](const auto& item) { return item.partition.topic; }),
            array(oldest, [](const auto& item) { return item.partition.partition; }),
            array(oldest, [](const auto& item) { return item.offset; })));
        transaction.commit();
        return claimed;
    });
}

Outcome PostgresStore::store(const Batch& batch) {
    assert(batch.sealed());
    try {
        return guarded([&] { return store_whole(batch); });
    } catch (const StoreFailure& failure) {
        if (failure.remedy() != Remedy::data) throw;
    }
    return guarded([&] { return Outcome(find_refused(batch)); });
}

Outcome PostgresStore::store_whole(const Batch& batch) {
    const auto& moves = batch.advances();
    const auto topics = array(moves, [](const Advance& move) { return move.partition.topic; });
    const auto parts = array(moves, [](const Advance& move) { return move.partition.partition; });
    pqxx::work transaction(*connection_);
    // Staging comes first: the server waits for us in COPY, and nobody shall wait for our lock meanwhile.
    if (!batch.rows().empty()) copy(batch, 0, batch.rows().size());
    const auto moved = transaction.exec_prepared("fence", settings_.group_id, topics, parts,
                                                 array(moves, [](const Advance& move) { return move.epoch; }),
                                                 array(moves, [](const Advance& move) { return move.from; }),
                                                 array(moves, [](const Advance& move) { return move.to; }));
    if (moved.affected_rows() != moves.size()) {
        Fenced fenced{states(transaction.exec_prepared("state", settings_.group_id, topics, parts))};
        transaction.abort();
        return fenced;
    }
    Stored stored;
    if (!batch.rows().empty()) {
        for (std::size_t i = 0; i < group_.effect.size(); ++i) {
            const auto result = transaction.exec_prepared(effect_name(i));
            if (i == 0) stored.fresh = result.affected_rows();
        }
        if (stored.fresh < batch.rows().size() && !group_.conflicts.empty())
            stored.conflicts = find_conflicts(*connection_, transaction, batch);
    }
    transaction.commit();
    return stored;
}

/// In one transaction that is rolled back: each try leaves nothing behind, and the good ones are stored with
/// the rest of the batch once the dead letters are delivered.
Refused PostgresStore::find_refused(const Batch& batch) {
    pqxx::work transaction(*connection_);
    const auto refusal = [&](std::size_t begin, std::size_t end) -> std::optional<std::string> {
        std::optional<std::string> why;
        transaction.exec("SAVEPOINT probe");
        try {
            copy(batch, begin, end);
            for (std::size_t i = 0; i < group_.effect.size(); ++i) transaction.exec_prepared(effect_name(i));
        } catch (const StoreFailure& failure) {
            if (failure.remedy() != Remedy::data || connection_->broken()) throw;
            why = failure.sqlstate() + " " + failure.what();
        } catch (const pqxx::sql_error& error) {
            if (remedy(error.sqlstate()) != Remedy::data || connection_->broken()) throw;
            why = error.sqlstate() + " " + first_line(error.what());
        }
        transaction.exec("ROLLBACK TO SAVEPOINT probe");
        return why;
    };
    Refused refused;
    for (auto& [place, detail] : find_culprits(batch.rows().size(), refusal)) {
        refused.places.push_back(place);
        refused.details.push_back(std::move(detail));
    }
    transaction.abort();
    // Refused as a whole, but no row on its own: something changed meanwhile, as when a partition was added.
    if (refused.places.empty())
        throw StoreFailure(Remedy::retry, "", "a batch was refused, but none of its rows");
    return refused;
}

/// Rows [begin, end) into the staging table, in the transaction that is open.
void PostgresStore::copy(const Batch& batch, std::size_t begin, std::size_t end) {
    PGconn* const raw = connection_->raw();
    // Outside a transaction the staging table would be emptied at once, and the batch be lost silently.
    if (PQtransactionStatus(raw) != PQTRANS_INTRANS) fail(nullptr, raw);
    const Result started(PQexec(raw, "COPY pg_temp.stage FROM STDIN (FORMAT binary)"));
    if (PQresultStatus(started.get()) != PGRES_COPY_IN) fail(started, raw);
    const auto put = [&] {
        if (PQputCopyData(raw, chunk_.data(), static_cast<int>(chunk_.size())) != 1) fail(nullptr, raw);
        chunk_.clear();
    };
    chunk_ = CopyRows::header;
    for (const auto& row : batch.rows().subspan(begin, end - begin)) {
        chunk_ += batch.row_bytes(row);
        if (chunk_.size() >= chunk_bytes) put();
    }
    chunk_ += CopyRows::trailer;
    put();
    if (PQputCopyEnd(raw, nullptr) != 1) fail(nullptr, raw);
    const Result ended(PQgetResult(raw));
    while (const Result rest{PQgetResult(raw)}) {
    }
    if (PQresultStatus(ended.get()) != PGRES_COMMAND_OK) fail(ended, raw);
    const std::string_view count = PQcmdTuples(ended.get());
    std::size_t copied = 0;
    std::from_chars(count.data(), count.data() + count.size(), copied);
    if (copied != end - begin)
        throw StoreFailure(Remedy::wait, "", "COPY took another number of rows than it was given");
}

}  // namespace activity::workers
