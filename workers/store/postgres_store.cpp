#include "workers/store/postgres_store.h"

#include <cassert>
#include <charconv>
#include <map>
#include <utility>

#include "schemas/service/log.h"
#include "workers/groups/copy_rows.h"
#include "workers/store/array.h"
#include "workers/store/bisect.h"
#include "workers/store/connection.h"
#include "workers/store/guarded.h"
#include "workers/store/stage_sql.h"

namespace activity::workers {
namespace {

constexpr std::size_t chunk_bytes = 65'536;
/// After a batch that had repeats the next ones are likely to have some too.
constexpr int batches_with_repeats = 32;

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

/// An erasure adds its tombstone under a lock that waits for every transaction that has looked here: so
/// whoever did not see it has committed before the erasure goes on to delete.
constexpr const char* erased_sql =
    "DELETE FROM pg_temp.stage USING activity.erased AS gone "
    "WHERE stage.learner_key = gone.learner_key AND stage.received_at <= gone.erased_at";

constexpr const char* tombstones_sql =
    "SELECT DISTINCT learner_key, (extract(epoch FROM erased_at) * 1000000)::bigint FROM activity.erased "
    "JOIN unnest($1::uuid[]) AS batch (learner_key) USING (learner_key)";

/// Of a worker that was stopped while the server waited for its rows. A healthy one sends them within
/// moments.
constexpr const char* stopped_copies_sql =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND datname = "
    "current_database() AND pid <> pg_backend_pid() AND state = 'active' AND wait_event = 'ClientRead' AND "
    "query "
    "LIKE 'COPY %' AND query_start < now() - interval '5 s'";

constexpr const char* forgotten_sql =
    "SELECT (extract(epoch FROM dedupe_from) * 1000000)::bigint FROM activity.worker_group WHERE name = $1 "
    "AND "
    "dedupe_from IS NOT NULL";

constexpr const char* state_sql =
    "SELECT p.topic, p.part, p.next_offset, p.epoch FROM activity.part_offset AS p "
    "JOIN unnest($2::text[], $3::integer[]) AS wanted (topic, part) USING (topic, part) WHERE p.grp = $1";

std::vector<PartitionState> states(const pqxx::result& result) {
    std::vector<PartitionState> out;
    for (const auto& row : result) {
        out.push_back({{row[0].as<std::string>(), row[1].as<std::int32_t>()},
                       row[2].as<std::int64_t>(),
                       row[3].as<std::int64_t>()});
    }
    return out;
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

bool is_about_records(Remedy remedy) {
    return remedy == Remedy::data || remedy == Remedy::unclear;
}

std::string row_columns(const Group& group) {
    std::string names = "message_key, received_at";
    for (const auto& column : group.columns) names.append(", ").append(column.name);
    return names;
}

/// What is done with `stage` once only fresh messages are in it, or, for rows as they are, what also finds
/// out which are fresh.
std::vector<std::string> effect(const Group& group) {
    if (group.row_table.empty()) return group.effect;
    const std::string columns = row_columns(group);
    return {"INSERT INTO " + std::string(group.row_table) + " (" + columns + ") SELECT " + columns +
            " FROM pg_temp.stage ON CONFLICT DO NOTHING"};
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
    : settings_(std::move(settings)), group_(group), effect_(effect(group)) {
    assert(group_.effect.empty() != group_.row_table.empty());
}

PostgresStore::~PostgresStore() = default;

void PostgresStore::connect() {
    if (connection_ && !connection_->broken()) return;
    connection_.reset();
    auto connection = std::make_unique<Connection>(with_defaults(settings_.conninfo, settings_.owner));
    {
        pqxx::nontransaction session(*connection);
        session.exec(session_limits);
        // The staging table stays in memory.
        session.exec("SET temp_buffers = '16MB'");
        session.exec(stage_sql(group_));
    }
    connection->prepare("claim", claim_sql);
    connection->prepare("fence", fence_sql);
    connection->prepare("state", state_sql);
    connection->prepare("erased", erased_sql);
    connection->prepare("forgotten", forgotten_sql);
    connection->prepare("tombstones", tombstones_sql);
    if (group_.row_table.empty()) {
        connection->prepare("claim_fresh", claim_fresh_sql(group_));
        connection->prepare("seen", seen_sql(group_));
    }
    for (std::size_t i = 0; i < effect_.size(); ++i) connection->prepare(effect_name(i), effect_[i]);
    if (!group_.conflicts.empty()) connection->prepare("conflicts", group_.conflicts);
    connection_ = std::move(connection);
}

template <typename Work>
auto PostgresStore::guarded(Work&& work) {
    return workers::guarded(connection_, [&] {
        connect();
        return work();
    });
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

std::vector<PartitionState> PostgresStore::states_of(const std::string& group_id,
                                                     const std::vector<wire::TopicPartition>& partitions) {
    return guarded([&] {
        pqxx::nontransaction query(*connection_);
        return states(query.exec_prepared(
            "state", group_id, array(partitions, [](const auto& item) { return item.topic; }),
            array(partitions, [](const auto& item) { return item.partition; })));
    });
}

Outcome PostgresStore::store(const Batch& batch) {
    assert(batch.sealed());
    try {
        return guarded([&] { return store_whole(batch); });
    } catch (const StoreFailure& failure) {
        if (failure.sqlstate() == "55P03") end_stopped_copies();
        if (!is_about_records(failure.remedy())) throw;
    }
    return guarded([&] { return Outcome(find_refused(batch)); });
}

Outcome PostgresStore::store_whole(const Batch& batch) {
    const auto& moves = batch.advances();
    const auto topics = array(moves, [](const Advance& move) { return move.partition.topic; });
    const auto parts = array(moves, [](const Advance& move) { return move.partition.partition; });
    pqxx::work transaction(*connection_);
    // COPY comes first: the server waits for us in it, and nobody shall wait for our fence meanwhile.
    const bool all_in = copy_into_table(transaction, batch);
    if (!all_in && !batch.rows().empty()) stage(batch, 0, batch.rows().size());
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
        if (all_in) {
            stored.fresh = batch.rows().size();
        } else {
            stored = apply(transaction, batch.rows().size());
        }
        // Behind our own inserts, or the boundary might move between the look and them.
        Refused forgotten{find_forgotten(transaction, batch)};
        if (!forgotten.rows.empty()) {
            transaction.abort();
            return forgotten;
        }
        if (stored.fresh + stored.erased < batch.rows().size() && !group_.conflicts.empty())
            stored.conflicts = find_conflicts(*connection_, transaction, batch);
    }
    transaction.commit();
    return stored;
}

/// The group's effect on what is staged, once for each message.
Stored PostgresStore::apply(pqxx::dbtransaction& transaction, std::size_t rows) {
    Stored stored;
    stored.erased = transaction.exec_prepared("erased").affected_rows();
    if (group_.row_table.empty()) {
        stored.fresh = rows - stored.erased - drop_repeats(transaction);
        if (stored.fresh == 0) return stored;
    }
    for (std::size_t i = 0; i < effect_.size(); ++i) {
        const auto result = transaction.exec_prepared(effect_name(i));
        if (!group_.row_table.empty()) stored.fresh = result.affected_rows();
    }
    return stored;
}

bool PostgresStore::any_erased(pqxx::dbtransaction& transaction, const Batch& batch) {
    // The look locks the table as the one at a batch's learners does (erased_sql).
    if (!transaction.exec1("SELECT EXISTS (SELECT FROM activity.erased)")[0].as<bool>()) return false;
    const auto learners =
        array(batch.rows(), [&](const Batch::Row& row) { return batch.learner(row).text(); });
    return !transaction.exec_prepared("tombstones", learners).empty();
}

/// Most batches have neither repeats nor erased learners: then their rows can go where they belong at once,
/// at the price of a bare COPY. False: they can't, and nothing was changed.
bool PostgresStore::copy_into_table(pqxx::dbtransaction& transaction, const Batch& batch) {
    if (group_.row_table.empty() || batch.rows().empty() || any_erased(transaction, batch)) return false;
    return as_if_all_fresh(transaction, [&] {
        copy(std::string(group_.row_table) + " (" + row_columns(group_) + ")", batch.rows(), batch, false);
    });
}

/// Leaves only fresh messages in `stage`. How many were repeats.
std::size_t PostgresStore::drop_repeats(pqxx::dbtransaction& transaction) {
    if (as_if_all_fresh(transaction, [&] { transaction.exec_prepared("claim_fresh"); })) return 0;
    return transaction.exec_prepared("seen").affected_rows();
}

/// Most batches have no repeats: `insert` counts on it, and fails if one is there. False: it did, or is
/// likely to, and nothing was changed.
template <typename Insert>
bool PostgresStore::as_if_all_fresh(pqxx::dbtransaction& transaction, Insert&& insert) {
    if (batches_with_repeats_ > 0) {
        --batches_with_repeats_;
        return false;
    }
    // 23505: some were there. 40P01: COPY fills one partition after the other, so two workers may have met.
    const auto met = [&](const std::string& sqlstate) {
        return (sqlstate == "23505" || sqlstate == "40P01") && !connection_->broken();
    };
    transaction.exec("SAVEPOINT all_fresh");
    try {
        insert();
        return true;
    } catch (const StoreFailure& failure) {
        if (!met(failure.sqlstate())) throw;
    } catch (const pqxx::sql_error& error) {
        if (!met(error.sqlstate())) throw;
    }
    transaction.exec("ROLLBACK TO SAVEPOINT all_fresh");
    batches_with_repeats_ = batches_with_repeats;
    return false;
}

void PostgresStore::end_stopped_copies() {
    try {
        guarded([&] {
            const auto ended = pqxx::nontransaction(*connection_).exec(stopped_copies_sql);
            if (!ended.empty())
                service::log_warn("ended sessions that did not go on sending their rows",
                                  {{"sessions", std::to_string(ended.size())}});
            return true;
        });
    } catch (const StoreFailure& failure) {
        service::log_warn("could not look for sessions that stopped", {{"why", failure.what()}});
    }
}

/// Rows so old that the group no longer knows whether it has applied them. Not those of erased learners:
/// these are not applied anyway, and are to be kept nowhere.
std::vector<RefusedRow> PostgresStore::find_forgotten(pqxx::dbtransaction& transaction, const Batch& batch) {
    const auto boundary = transaction.exec_prepared("forgotten", std::string(group_.name));
    if (boundary.empty()) return {};
    const Timestamp known_from{std::chrono::microseconds(boundary[0][0].as<std::int64_t>())};
    std::vector<std::size_t> old;
    for (std::size_t i = 0; i < batch.rows().size(); ++i) {
        if (batch.rows()[i].known_since < known_from) old.push_back(i);
    }
    if (old.empty()) return {};
    const auto learner = [&](std::size_t place) { return batch.learner(batch.rows()[place]).text(); };
    std::map<std::string, Timestamp> erased_at;
    for (const auto& row : transaction.exec_prepared("tombstones", array(old, learner)))
        erased_at[row[0].as<std::string>()] = Timestamp(std::chrono::microseconds(row[1].as<std::int64_t>()));
    std::vector<RefusedRow> forgotten;
    for (const std::size_t place : old) {
        const auto tombstone = erased_at.find(learner(place));
        if (tombstone != erased_at.end() && batch.rows()[place].received_at <= tombstone->second) continue;
        forgotten.push_back({place,
                             {"before_dedupe_window", "is older than " + format_timestamp(known_from) +
                                                          ", before which nothing is known to be a repeat"}});
    }
    return forgotten;
}

/// In one transaction that is rolled back: each try leaves nothing behind, and the good ones are stored with
/// the rest of the batch once the dead letters are delivered.
Refused PostgresStore::find_refused(const Batch& batch) {
    pqxx::work transaction(*connection_);
    const auto refusal = [&](std::size_t begin, std::size_t end) -> std::optional<Why> {
        std::optional<Why> why;
        const auto refused = [&](Remedy what_to_do, const std::string& sqlstate, std::string_view what) {
            const bool unclear = what_to_do == Remedy::unclear;
            why = Why{unclear ? "unclear" : "database", sqlstate + " " + first_line(what), unclear};
        };
        transaction.exec("SAVEPOINT probe");
        try {
            stage(batch, begin, end);
            apply(transaction, end - begin);
        } catch (const StoreFailure& failure) {
            if (!is_about_records(failure.remedy()) || connection_->broken()) throw;
            refused(failure.remedy(), failure.sqlstate(), failure.what());
        } catch (const pqxx::sql_error& error) {
            if (!is_about_records(remedy(error.sqlstate())) || connection_->broken()) throw;
            refused(remedy(error.sqlstate()), error.sqlstate(), error.what());
        }
        transaction.exec("ROLLBACK TO SAVEPOINT probe");
        return why;
    };
    Refused refused{find_culprits(batch.rows().size(), refusal)};
    transaction.abort();
    // Refused as a whole, but no row on its own: something changed meanwhile, as when a partition was added.
    if (refused.rows.empty())
        throw StoreFailure(Remedy::retry, "", "a batch was refused, but none of its rows");
    return refused;
}

void PostgresStore::stage(const Batch& batch, std::size_t begin, std::size_t end) {
    copy("pg_temp.stage", batch.rows().subspan(begin, end - begin), batch, true);
}

/// In the transaction that is open.
void PostgresStore::copy(const std::string& into, std::span<const Batch::Row> rows, const Batch& batch,
                         bool with_learner) {
    PGconn* const raw = connection_->raw();
    // Outside a transaction the staging table would be emptied at once, and the batch be lost silently.
    if (PQtransactionStatus(raw) != PQTRANS_INTRANS) fail(nullptr, raw);
    const Result started(PQexec(raw, ("COPY " + into + " FROM STDIN (FORMAT binary)").c_str()));
    if (PQresultStatus(started.get()) != PGRES_COPY_IN) fail(started, raw);
    const auto put = [&] {
        if (PQputCopyData(raw, chunk_.data(), static_cast<int>(chunk_.size())) != 1) fail(nullptr, raw);
        chunk_.clear();
    };
    chunk_ = CopyRows::header;
    for (const auto& row : rows) {
        if (with_learner) {
            chunk_ += batch.row_bytes(row);
        } else {
            batch.append_without_learner(chunk_, row);
        }
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
    if (copied != rows.size())
        throw StoreFailure(Remedy::wait, "", "COPY took another number of rows than it was given");
}

}  // namespace activity::workers
