#include "workers/tests/applied_group.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <stdexcept>

#include "schemas/activity/learner_key.h"
#include "schemas/activity/message_key.h"
#include "workers/groups/groups.h"
#include "workers/store/stage_sql.h"

namespace activity::testing_workers {
namespace {

const workers::Group& find(std::string_view name) {
    const auto found = std::ranges::find(workers::groups(), name, &workers::Group::name);
    if (found == workers::groups().end()) throw std::logic_error("no such group: " + std::string(name));
    return *found;
}

}  // namespace

AppliedGroup::AppliedGroup(const std::string& url, std::string_view group)
    : group_(find(group)),
      write_row_(group_.row_writer()),
      connection_(std::make_unique<workers::Connection>(workers::with_defaults(url, "applied group"))) {
    pqxx::nontransaction session(*connection_);
    session.exec("SET jit = off; SET client_min_messages = warning");
    session.exec(workers::stage_sql(group_));
    connection_->prepare("seen", workers::seen_sql(group_));
    for (std::size_t i = 0; i < group_.effect.size(); ++i)
        connection_->prepare("effect_" + std::to_string(i), group_.effect[i]);
}

std::size_t AppliedGroup::apply(std::span<const ActivityEvent> events) {
    pqxx::work transaction(*connection_);
    const std::size_t fresh = apply_in(transaction, events);
    transaction.commit();
    return fresh;
}

void AppliedGroup::apply_and_roll_back(std::span<const ActivityEvent> events,
                                       const std::function<void()>& meanwhile) {
    pqxx::work transaction(*connection_);
    apply_in(transaction, events);
    meanwhile();
    transaction.abort();
}

std::size_t AppliedGroup::apply_in(pqxx::work& transaction, std::span<const ActivityEvent> events) {
    copy(events);
    transaction.exec_prepared("seen");
    const auto fresh = transaction.exec1("SELECT count(*) FROM pg_temp.stage")[0].as<std::size_t>();
    for (std::size_t i = 0; i < group_.effect.size(); ++i)
        transaction.exec_prepared("effect_" + std::to_string(i));
    return fresh;
}

/// As a batch does: the first of each message key, in the order of the keys.
void AppliedGroup::copy(std::span<const ActivityEvent> events) {
    std::map<MessageKey, std::string> rows;
    for (const auto& event : events) {
        const MessageKey key = message_key(event.message_id);
        if (rows.contains(key)) continue;
        const LearnerKey learner = learner_key(event);
        workers::CopyRows row;
        row.begin_row(workers::shared_columns + group_.columns.size());
        row.uuid(key.bytes);
        row.uuid(learner.bytes);
        row.timestamptz(event.received_at);
        const bool written = write_row_(row, {event, key, learner, event.activity, event.occurred_at});
        rows.emplace(key, written ? row.bytes() : std::string());
    }
    std::string bytes(workers::CopyRows::header);
    for (const auto& [key, row] : rows) bytes += row;
    bytes += workers::CopyRows::trailer;
    PGconn* const raw = connection_->raw();
    const auto expect = [&](PGresult* result, ExecStatusType status) {
        const bool good = PQresultStatus(result) == status;
        PQclear(result);
        if (!good) throw std::runtime_error(PQerrorMessage(raw));
    };
    expect(PQexec(raw, "COPY pg_temp.stage FROM STDIN (FORMAT binary)"), PGRES_COPY_IN);
    if (PQputCopyData(raw, bytes.data(), static_cast<int>(bytes.size())) != 1 ||
        PQputCopyEnd(raw, nullptr) != 1)
        throw std::runtime_error(PQerrorMessage(raw));
    expect(PQgetResult(raw), PGRES_COMMAND_OK);
    while (PGresult* const rest = PQgetResult(raw)) PQclear(rest);
}

void empty_tables(harness::Session session, const std::string& group) {
    session.query(
        "TRUNCATE " +
        session.value("SELECT string_agg(format('activity.%I', relation), ', ') FROM activity.group_table "
                      "WHERE grp = '" +
                      group + "'"));
}

Timestamp at(std::string_view text) {
    return parse_timestamp(text).value();
}

ActivityEvent event(const std::string& user, const std::string& activity, Timestamp time,
                    const std::string& properties) {
    static std::atomic<int> number{0};
    ActivityEvent event;
    event.message_id = "event " + std::to_string(++number);
    event.activity = activity;
    event.user_id = user;
    event.source = "web";
    event.occurred_at = event.received_at = time;
    event.properties = properties;
    return event;
}

}  // namespace activity::testing_workers
