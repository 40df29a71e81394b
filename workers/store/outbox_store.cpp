#include "workers/store/outbox_store.h"

#include <utility>

#include "workers/store/array.h"
#include "workers/store/connection.h"
#include "workers/store/guarded.h"

namespace activity::workers {
namespace {

std::string ids(const std::vector<OutboxEntry>& entries) {
    return array(entries, [](const OutboxEntry& entry) -> const std::string& { return entry.id; });
}

}  // namespace

OutboxStore::OutboxStore(PostgresSettings settings, OutboxQueries queries)
    : settings_(std::move(settings)), queries_(std::move(queries)) {}

OutboxStore::~OutboxStore() = default;

template <typename Work>
auto OutboxStore::guarded(Work&& work) {
    return workers::guarded(connection_, [&] {
        if (!connection_ || connection_->broken()) {
            owned_ = false;
            auto connection =
                std::make_unique<Connection>(with_defaults(settings_.conninfo, settings_.owner));
            pqxx::nontransaction(*connection).exec(session_limits);
            connection->prepare("take", queries_.take);
            connection->prepare("done", queries_.done);
            if (!queries_.again.empty()) connection->prepare("again", queries_.again);
            connection_ = std::move(connection);
        }
        return work();
    });
}

std::string OutboxStore::lock_name() const {
    return "outbox of " + settings_.group_id;
}

bool OutboxStore::own() {
    return guarded([&] {
        if (owned_) return true;
        pqxx::nontransaction query(*connection_);
        owned_ = query.exec_params("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", lock_name())[0][0]
                     .as<bool>();
        return owned_;
    });
}

void OutboxStore::disown() {
    guarded([&] {
        if (!owned_) return true;
        owned_ = false;
        pqxx::nontransaction query(*connection_);
        query.exec_params("SELECT pg_advisory_unlock(hashtextextended($1, 0))", lock_name());
        return true;
    });
}

std::vector<OutboxEntry> OutboxStore::take(int entries_max) {
    return guarded([&] {
        pqxx::work transaction(*connection_);
        std::vector<OutboxEntry> entries;
        for (const auto& row : transaction.exec_prepared("take", entries_max)) {
            entries.push_back({row[0].as<std::string>(), row[1].as<std::int64_t>(), row[2].as<std::string>(),
                               row[3].is_null() ? std::nullopt : std::optional(row[3].as<std::string>())});
        }
        transaction.commit();
        return entries;
    });
}

void OutboxStore::done(const std::vector<OutboxEntry>& entries) {
    guarded([&] {
        // On a connection of its own that was made meanwhile, the outbox may be somebody else's.
        if (!owned_) throw StoreFailure(Remedy::wait, "", "the outbox is no longer ours");
        pqxx::work transaction(*connection_);
        transaction.exec_prepared("done", ids(entries),
                                  array(entries, [](const OutboxEntry& entry) { return entry.version; }));
        transaction.commit();
        return true;
    });
}

void OutboxStore::send_again(const std::vector<OutboxEntry>& entries) {
    if (queries_.again.empty()) return;
    guarded([&] {
        pqxx::work transaction(*connection_);
        transaction.exec_prepared(
            "again", ids(entries),
            array(entries, [](const OutboxEntry& entry) -> const std::string& { return entry.key; }));
        transaction.commit();
        return true;
    });
}

}  // namespace activity::workers
