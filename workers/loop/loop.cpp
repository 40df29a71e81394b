#include "workers/loop/loop.h"

#include <algorithm>
#include <cassert>
#include <thread>
#include <utility>

#include "schemas/service/log.h"
#include "schemas/wire/failure.h"
#include "workers/loop/diverted.h"

namespace activity::workers {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds idle_poll = 100ms;
/// While a batch is being stored: how late we may notice that it is.
constexpr milliseconds storing_poll = 5ms;
/// How long Kafka hears nothing of us while a full batch waits for the one before it.
constexpr milliseconds silence_max = 2s;
constexpr milliseconds tend_interval = 1s;
/// Records between two looks at the clock, while they come without waiting.
constexpr std::size_t clock_interval = 64;
constexpr milliseconds watermarks_timeout = 5s;
constexpr milliseconds reachable_timeout = 200ms;
/// How often partitions are looked at that are ours: what we don't read, and whether somebody has moved them.
constexpr milliseconds look_interval = 5s;
constexpr milliseconds backoff_first = 100ms;
constexpr milliseconds backoff_max = 5s;

std::string name_of(const wire::TopicPartition& partition) {
    return partition.topic + "[" + std::to_string(partition.partition) + "]";
}

/// Why a partition can't be read from where PostgreSQL stands; empty if it can. Reading on from anywhere else
/// would skip records, or take a new topic's for the old one's.
std::string why_held(std::int64_t wanted, std::int64_t oldest, std::int64_t end) {
    if (wanted < oldest) {
        return "records from offset " + std::to_string(wanted) + " to " + std::to_string(oldest - 1) +
               " are gone from Kafka before they were stored";
    }
    if (wanted > end) {
        return "stored up to offset " + std::to_string(wanted) + ", but Kafka ends at " +
               std::to_string(end) + ": another topic of that name?";
    }
    return {};
}

}  // namespace

Loop::Loop(const LoopSettings& settings, const Group& group, const Catalogue& catalogue, Store& store,
           SyncPublisher& publisher, Metrics& metrics, Status& status, std::function<void()> on_joined)
    : settings_(settings),
      group_(group),
      store_(store),
      metrics_(metrics),
      status_(status),
      on_joined_(std::move(on_joined)),
      consumer_(settings.consumer),
      filling_(std::make_unique<Batch>(group, catalogue)),
      storing_(std::make_unique<Batch>(group, catalogue)),
      writer_(store, publisher, metrics, settings.dead_letter_topic, settings.retries),
      backoff_(backoff_first, backoff_max) {}

void Loop::run(const std::atomic<bool>& stop) {
    consumer_.subscribe(settings_.topics);
    std::size_t at_hand = 0;
    while (!stop.load(std::memory_order_relaxed)) {
        // Records that are there already are taken without a look at the clock; it costs as much as a record.
        wire::Polled polled = consumer_.poll(at_hand > 0 ? milliseconds(0) : patience());
        at_hand = std::holds_alternative<wire::InboundRecord>(polled) ? at_hand + 1 : 0;
        std::visit([this](auto&& what) { on(std::move(what)); }, std::move(polled));
        if (at_hand % clock_interval != 0 && !batch_full()) continue;
        if (writer_.ready()) settle();
        if (held_back_ && !writer_.running()) go_on_from_hold();
        if (!stall_ && !held_back_ && batch_due()) {
            if (writer_.ready_within(silence_max)) {
                store_batch();
            } else {
                hold_back();
            }
        }
        tend();
    }
    finish();
}

milliseconds Loop::patience() const {
    if (writer_.running()) return storing_poll;
    if (!stall_ && filling_->empty()) return idle_poll;
    const auto due = stall_ ? stall_->retry_at : batch_began_ + settings_.batch.age_max;
    // Rounded up, or the last millisecond would be spent spinning.
    return std::clamp(std::chrono::ceil<milliseconds>(due - Clock::now()), milliseconds(0), idle_poll);
}

// --- add
// ------------------------------------------------------------------------------------------------------

void Loop::on(wire::InboundRecord record) {
    if (!kafka_reachable_) note_kafka(true);
    Owned* const owned = assignment_.find(record.topic(), record.partition());
    if (owned == nullptr || stall_ || held_back_)
        return;                                     // given up for now: whoever reads it next starts there
    if (record.offset() < owned->position) return;  // came again
    if (record.offset() > owned->position && is_gap(*owned, record.offset())) return;
    if (settings_.waits) {
        if (const auto due = not_before(record); due && *due > now()) {
            owned->due = due;
            fetch();
            return;
        }
    }
    owned->position = record.offset() + 1;
    if (filling_->empty()) batch_began_ = Clock::now();
    auto event = reader_.read(record.value());
    if (const auto* rejection = std::get_if<Rejection>(&event)) {
        std::string detail =
            rejection->field.empty() ? rejection->message : rejection->field + " " + rejection->message;
        filling_->refuse(std::move(record), {std::string(to_string(rejection->reason)), std::move(detail)});
    } else {
        filling_->add(std::move(record), std::get<ActivityEvent>(event));
    }
}

/// Kafka's offsets may jump over what was compacted away or belongs to a transaction; but our topics have
/// neither, so a jump is first taken for a mistake of the client, and read again from where we were.
bool Loop::is_gap(const Owned& owned, std::int64_t offset) {
    const bool seen = gap_ && gap_->partition == owned.partition && gap_->offset == owned.position;
    if (seen) {
        metrics_.offset_gaps.Increment();
        service::log_warn("Kafka's offsets jump", {{"partition", name_of(owned.partition)},
                                                   {"from", std::to_string(owned.position)},
                                                   {"to", std::to_string(offset)}});
        gap_.reset();
        return false;
    }
    gap_ = wire::PartitionOffset{owned.partition, owned.position};
    fetch();
    return true;
}

// --- store
// ----------------------------------------------------------------------------------------------------

bool Loop::batch_full() const {
    return filling_->size() >= settings_.batch.records_max || filling_->bytes() >= settings_.batch.bytes_max;
}

/// A batch that is old enough waits for the one before it and goes on filling meanwhile; a full one can't.
bool Loop::batch_due() const {
    if (batch_full()) return true;
    return !filling_->empty() && !writer_.running() && Clock::now() - batch_began_ >= settings_.batch.age_max;
}

/// PostgreSQL takes this batch while the next one is filled. What became of the one before is settled first;
/// if it is stored, PostgreSQL does not wait for our books.
void Loop::store_batch() {
    std::optional<Stored> before;
    if (writer_.running()) {
        Written written = writer_.wait();
        if (written.result == Written::Result::stored && !stall_) {
            before = std::move(written.stored);
        } else {
            act_on(written);
        }
    }
    const bool begins = !stall_ && !filling_->empty();
    if (begins) {
        seal();
        writer_.begin(*storing_);
    }
    if (before) advance(begins ? *filling_ : *storing_, *before);
}

/// A batch that takes long (it is taken apart, or a lock does not come) must not cost us our place in the
/// group: we go on polling, and nothing is fetched until it is settled.
void Loop::hold_back() {
    held_back_ = true;
    consumer_.assign({});
}

void Loop::go_on_from_hold() {
    held_back_ = false;
    if (stall_) return;  // its end fetches
    store_batch();
    fetch();
}

/// And waits for it.
void Loop::store_all() {
    store_batch();
    settle();
}

/// What `storing_` was is `filling_` then.
void Loop::seal() {
    filling_->seal(assignment_.seal());
    std::swap(filling_, storing_);
}

void Loop::settle() {
    if (writer_.running()) act_on(writer_.wait());
}

void Loop::act_on(const Written& written) {
    switch (written.result) {
        case Written::Result::stored:
            advance(*storing_, written.stored);
            if (stall_) go_on();
            break;
        case Written::Result::fenced: on_fenced(written.now); break;
        case Written::Result::failed: stall(written.why); break;
    }
}

/// The partitions go: what is in hand is stored now, or whoever reads them next reads it again.
void Loop::store_last() {
    bool good = !stall_;
    const auto end = [&](const Written& written) {
        const bool fenced = written.result == Written::Result::fenced;
        good = written.result == Written::Result::stored || (fenced && is_in(written.now));
        if (good) {
            advance(*storing_, fenced ? Stored{.fresh = storing_->rows().size()} : written.stored);
        } else {
            if (fenced) metrics_.transactions_failed("fenced").Increment();
            service::log_info("batch dropped with its partitions");
        }
    };
    if (writer_.running()) end(writer_.wait());
    if (!good || filling_->empty()) return;
    seal();
    end(writer_.write(*storing_));
}

// --- advance
// --------------------------------------------------------------------------------------------------

/// The batch is empty then.
void Loop::advance(Batch& batch, const Stored& stored) {
    const auto& moves = batch.advances();
    metrics_.consumed.Increment(static_cast<double>(batch.size()));
    metrics_.stored.Increment(static_cast<double>(stored.fresh));
    metrics_.duplicate.Increment(
        static_cast<double>(batch.rows().size() - stored.fresh - stored.erased + batch.repeated()));
    metrics_.erased.Increment(static_cast<double>(stored.erased));
    metrics_.ignored.Increment(static_cast<double>(batch.ignored()));
    note_conflicts(batch, stored.conflicts);
    metrics_.batch_records.Observe(static_cast<double>(batch.size()));
    if (batch.newest_received()) metrics_.note_stored(*batch.newest_received());
    assignment_.stored(moves);
    std::vector<wire::PartitionOffset> offsets;
    offsets.reserve(moves.size());
    for (const auto& move : moves) offsets.push_back({move.partition, move.to});
    consumer_.commit_async(offsets);
    batch.clear();
}

void Loop::note_conflicts(const Batch& batch, Conflicts conflicts) {
    conflicts.add(batch.conflicts());
    if (conflicts.count == 0) return;
    metrics_.conflicting.Increment(static_cast<double>(conflicts.count));
    service::log_warn("message IDs came again with another payload; the first ones stay",
                      {{"records", std::to_string(conflicts.count)}, {"message_id", conflicts.example}});
}

/// PostgreSQL's offsets are not where we left them. Either a commit whose answer got lost is in after all, or
/// somebody else owns the partitions, or the database is an older one. The first goes on; the others drop
/// what is in hand and start from what PostgreSQL says.
void Loop::on_fenced(const std::vector<PartitionState>& now) {
    if (is_in(now)) {
        service::log_info("a commit in doubt is in");
        advance(*storing_, {.fresh = storing_->rows().size()});
        if (stall_) go_on();
        return;
    }
    metrics_.transactions_failed("fenced").Increment();
    const auto& moves = storing_->advances();
    const bool newer_owner = std::ranges::any_of(now, [&](const PartitionState& state) {
        return std::ranges::any_of(moves, [&](const Advance& move) {
            return move.partition == state.partition && move.epoch < state.epoch;
        });
    });
    service::log_warn("batch dropped: PostgreSQL's offsets are not ours",
                      {{"records", std::to_string(storing_->size() + filling_->size())},
                       {"newer owner", newer_owner ? "yes" : "no"}});
    start_over(newer_owner);
}

/// An operator may have set the offsets back. A batch finds that out at its fence; where nothing comes,
/// nobody would.
void Loop::look_for_moves() {
    store_all();  // so that what is stored is what we know; and the store is ours alone
    if (stall_ || claim_due_) return;
    looked_at_ = Clock::now();
    std::vector<PartitionState> states;
    try {
        states = store_.states_of(settings_.consumer.group, assigned_);
    } catch (const StoreFailure&) {
        return;  // the next batch finds that out too, and waits
    }
    bool moved = false;
    bool newer_owner = false;
    for (const auto& owned : assignment_.all()) {
        const auto state = std::ranges::find(states, owned.partition, &PartitionState::partition);
        if (state != states.end() && state->epoch == owned.epoch && state->next_offset == owned.stored)
            continue;
        moved = true;
        newer_owner = newer_owner || (state != states.end() && state->epoch > owned.epoch);
    }
    if (!moved) return;
    service::log_warn("PostgreSQL's offsets are not ours", {{"newer owner", newer_owner ? "yes" : "no"}});
    start_over(newer_owner);
}

void Loop::start_over(bool newer_owner) {
    held_back_ = false;
    storing_->clear();
    filling_->clear();
    set_assignment({});
    claim_due_ = true;
    if (newer_owner) {
        // We may have been away for long: Kafka tells us with the next heartbeat whether we still are a
        // member. Claiming at once would only take the partitions from their rightful owner.
        stall("another worker owns the partitions", settings_.consumer.session_timeout / 10 + 1s);
    } else {
        claim();
    }
}

bool Loop::is_in(const std::vector<PartitionState>& now) const {
    return std::ranges::all_of(storing_->advances(), [&](const Advance& move) {
        return std::ranges::any_of(now, [&](const PartitionState& state) {
            return state.partition == move.partition && state.epoch == move.epoch &&
                   state.next_offset == move.to;
        });
    });
}

// --- partitions come and go
// -----------------------------------------------------------------------------------

void Loop::on(const wire::Assigned& assigned) {
    note_kafka(true);
    metrics_.rebalances.Increment();
    if (!pause_began_) pause_began_ = Clock::now();
    assert(!writer_.running());
    assigned_ = assigned.partitions;
    storing_->clear();
    filling_->clear();
    set_assignment({});
    claim_due_ = true;
    if (stall_) {
        consumer_.assign({});  // an answer for now: the group does not wait for PostgreSQL
    } else {
        claim();
    }
}

void Loop::on(const wire::Revoked& revoked) {
    if (revoked.lost) filling_->clear();
    store_last();
    // Range assignment is eager: all partitions go, and come back with the next Assigned.
    give_up_partitions();
    consumer_.unassign();
    pause_began_ = Clock::now();
}

void Loop::give_up_partitions() {
    held_back_ = false;
    storing_->clear();
    filling_->clear();
    set_assignment({});
    assigned_.clear();
    status_.set_assigned(false);
    claim_due_ = false;
    if (stall_) end_stall();
}

void Loop::claim() {
    assert(!writer_.running());
    claim_due_ = true;  // until it has worked
    const auto read_before = assignment_.positions().size();
    try {
        set_assignment(claimed());
    } catch (const StoreFailure& failure) {
        metrics_.transactions_failed(kind(failure.remedy())).Increment();
        stall("PostgreSQL: " + std::string(failure.what()));
        return;
    } catch (const wire::Failure& failure) {
        if (failure.disposition() == wire::Disposition::fatal) throw;
        stall("Kafka: " + std::string(failure.what()));
        return;
    }
    claim_due_ = false;
    if (stall_) end_stall();
    fetch();
    // A look at partitions that are not read is no news.
    const bool news = pause_began_ || assignment_.positions().size() != read_before;
    if (pause_began_) {
        metrics_.rebalance_pause_seconds.Observe(
            std::chrono::duration<double>(Clock::now() - *pause_began_).count());
        pause_began_.reset();
    }
    if (news) {
        service::log_info("partitions claimed", {{"group", settings_.consumer.group},
                                                 {"partitions", std::to_string(assignment_.all().size())},
                                                 {"read", std::to_string(assignment_.positions().size())}});
    }
    status_.set_assigned(true);
    if (on_joined_) std::exchange(on_joined_, nullptr)();
}

std::vector<Owned> Loop::claimed() {
    auto partitions = assigned_;
    std::ranges::sort(partitions);
    const auto watermarks = consumer_.watermarks(partitions, watermarks_timeout);
    std::vector<wire::PartitionOffset> oldest;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        if (watermarks[i]) oldest.push_back({partitions[i], watermarks[i]->oldest});
    }
    const auto states = store_.claim(oldest);
    std::vector<Owned> owned;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        if (!watermarks[i]) {
            owned.push_back({.partition = partitions[i], .held = "no broker leads it"});
            continue;
        }
        const auto state = std::ranges::find(states, partitions[i], &PartitionState::partition);
        if (state == states.end()) throw StoreFailure(Remedy::wait, "", "a partition could not be claimed");
        const auto [first, end] = *watermarks[i];
        owned.push_back({.partition = partitions[i],
                         .epoch = state->epoch,
                         .stored = state->next_offset,
                         .sealed = state->next_offset,
                         .position = state->next_offset,
                         .held = why_held(state->next_offset, first, end)});
    }
    if (settings_.newest_lane) keep_to_newest(owned, watermarks);
    for (std::size_t i = 0; i < owned.size(); ++i) {
        if (!watermarks[i]) continue;
        const std::int64_t behind = owned[i].idle ? 0 : watermarks[i]->next - owned[i].position;
        metrics_.set_lag(owned[i].partition, std::max<std::int64_t>(behind, 0));
    }
    return owned;
}

/// Whatever lies before the newest is the main lane's business, gaps too.
void Loop::keep_to_newest(std::vector<Owned>& owned,
                          const std::vector<std::optional<wire::Watermarks>>& watermarks) {
    const auto main_lane = store_.states_of(settings_.newest_lane->main_group_id, assigned_);
    for (std::size_t i = 0; i < owned.size(); ++i) {
        if (!watermarks[i]) continue;
        const auto [first, end] = *watermarks[i];
        Owned& one = owned[i];
        const Owned* const before = assignment_.find(one.partition.topic, one.partition.partition);
        const bool was_reading = before != nullptr && !before->idle && before->held.empty();
        const auto main = std::ranges::find(main_lane, one.partition, &PartitionState::partition);
        const std::int64_t behind = main == main_lane.end() ? 0 : end - main->next_offset;
        // Half way to the end before it stops again, or it would come and go.
        const std::int64_t limit = settings_.newest_lane->behind_records / (was_reading ? 2 : 1);
        one.held.clear();
        one.idle = behind <= limit;
        // Kafka may have deleted meanwhile what came next.
        const bool goes_on = was_reading && first <= before->position && before->position <= end;
        one.position = goes_on ? before->position : end;
        if (one.idle) one.position = one.stored;
    }
}

void Loop::set_assignment(std::vector<Owned> owned) {
    const auto is_held = [](const Owned& one) { return !one.held.empty(); };
    for (const auto& old : assignment_.all()) {
        const bool stays = std::ranges::find(owned, old.partition, &Owned::partition) != owned.end();
        if (!stays) metrics_.remove_lag(old.partition);
    }
    metrics_.partitions_held.Decrement(
        static_cast<double>(std::ranges::count_if(assignment_.all(), is_held)));
    metrics_.partitions_held.Increment(static_cast<double>(std::ranges::count_if(owned, is_held)));
    assignment_.set(std::move(owned));
    gap_.reset();
    looked_at_ = Clock::now();
    const std::string held = assignment_.held();
    status_.set_held(held);
    if (!held.empty()) service::log_error("partitions are held", {{"partitions", held}});
}

void Loop::on(const wire::PollFailure& failure) {
    if (failure.fatal) throw wire::Failure(wire::Disposition::fatal, failure.what);
    if (failure.unreachable) {
        note_kafka(false);
        return;
    }
    const bool about_partition = !failure.partition.topic.empty();
    service::log_warn("kafka consumer", {{"error", failure.what},
                                         {"partition", about_partition ? name_of(failure.partition) : "-"}});
    if (!failure.offset_out_of_range || stall_ || held_back_) return;  // what is read next tells it again
    // What we have is good. Then look at what Kafka still has.
    store_all();
    if (stall_ || claim_due_) return;
    claim_due_ = true;
    stall("Kafka has no record at an offset of " + name_of(failure.partition));
}

// --- outages
// --------------------------------------------------------------------------------------------------

void Loop::stall(const std::string& why, std::optional<milliseconds> wait) {
    const auto pause = wait.value_or(backoff_.next());
    if (!stall_) {
        metrics_.paused.Increment();
        consumer_.assign({});
        service::log_warn("paused", {{"why", why}});
    } else if (stall_->why != why) {
        service::log_warn("still paused", {{"why", why}});
    }
    stall_ = Stall{why, Clock::now() + pause};
    status_.set_stall("paused: " + why);
}

/// What was in hand is stored.
void Loop::go_on() {
    end_stall();
    fetch();
}

/// Whoever ends it sees to it that the right partitions are read.
void Loop::end_stall() {
    stall_.reset();
    backoff_.reset();
    metrics_.paused.Decrement();
    status_.set_stall({});
    service::log_info("resumed");
}

void Loop::tend() {
    const auto now = Clock::now();
    if (stall_ && now >= stall_->retry_at && !writer_.running()) {
        if (claim_due_) {
            claim();
        } else {
            writer_.begin(*storing_);
        }
    }
    if (settings_.waits && !stall_ && assignment_.wake(activity::now())) fetch();
    if (now - tended_at_ < tend_interval) return;
    tended_at_ = now;
    show_lag();
    metrics_.refresh_freshness();
    if (!kafka_reachable_) note_kafka(consumer_.reachable(reachable_timeout));
    if (stall_ || held_back_ || claim_due_ || assignment_.all().empty() || now - looked_at_ < look_interval)
        return;
    if (!writer_.ready_within(silence_max)) return;
    if (settings_.newest_lane || !assignment_.held().empty()) {
        store_all();
        if (!stall_ && !claim_due_) claim();
    } else {
        look_for_moves();
    }
}

void Loop::show_lag() {
    for (const auto& owned : assignment_.all()) {
        if (owned.idle) continue;
        if (const auto end = consumer_.high_watermark(owned.partition)) {
            metrics_.set_lag(owned.partition, std::max<std::int64_t>(*end - owned.stored, 0));
        }
    }
}

void Loop::note_kafka(bool reachable) {
    if (reachable == kafka_reachable_) return;
    kafka_reachable_ = reachable;
    status_.set_kafka_reachable(reachable);
    if (reachable) {
        service::log_info("Kafka answers again");
    } else {
        service::log_warn("Kafka does not answer");
    }
}

void Loop::finish() {
    store_last();
    give_up_partitions();
    consumer_.close();
}

}  // namespace activity::workers
