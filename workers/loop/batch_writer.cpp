#include "workers/loop/batch_writer.h"

#include <chrono>
#include <thread>
#include <utility>

#include "schemas/service/log.h"
#include "schemas/wire/failure.h"
#include "workers/loop/backoff.h"
#include "workers/loop/diverted.h"

namespace activity::workers {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Deadlocks and the like: tries in place, before somebody has to wait for longer.
constexpr int retries_in_place = 5;
constexpr std::chrono::milliseconds retry_first = 5ms;
constexpr std::chrono::milliseconds retry_max = 80ms;

}  // namespace

const char* kind(Remedy remedy) {
    switch (remedy) {
        case Remedy::wait: return "outage";
        case Remedy::retry: return "retry";
        case Remedy::data: return "data";
        case Remedy::unclear: return "unclear";
    }
    return "outage";
}

BatchWriter::BatchWriter(Store& store, SyncPublisher& publisher, Metrics& metrics,
                         std::string dead_letter_topic, Retries retries)
    : store_(store),
      publisher_(publisher),
      metrics_(metrics),
      dead_letter_topic_(std::move(dead_letter_topic)),
      retries_(std::move(retries)) {}

void BatchWriter::begin(Batch& batch) {
    running_ = std::async(std::launch::async, [this, &batch] { return write(batch); });
}

bool BatchWriter::ready_within(std::chrono::milliseconds patience) const {
    return !running() || running_.wait_for(patience) == std::future_status::ready;
}

Written BatchWriter::wait() {
    return running_.get();
}

Written BatchWriter::write(Batch& batch) {
    Backoff backoff(retry_first, retry_max);
    for (int tries = 1;; ++tries) {
        try {
            Outcome outcome = store_or_refuse(batch);
            if (auto* fenced = std::get_if<Fenced>(&outcome))
                return {Written::Result::fenced, {}, std::move(fenced->now), {}};
            return {Written::Result::stored, std::move(std::get<Stored>(outcome)), {}, {}};
        } catch (const StoreFailure& failure) {
            metrics_.transactions_failed(kind(failure.remedy())).Increment();
            if (failure.remedy() != Remedy::retry || tries == retries_in_place)
                return {Written::Result::failed, {}, {}, "PostgreSQL: " + std::string(failure.what())};
            std::this_thread::sleep_for(backoff.next());
        } catch (const wire::Failure& failure) {
            return {Written::Result::failed, {}, {}, failure.what()};
        }
    }
}

/// Until nothing is left that the database refuses. The offsets move only after the retries and dead letters
/// are delivered.
Outcome BatchWriter::store_or_refuse(Batch& batch) {
    for (;;) {
        divert_refused(batch);
        const auto began = Clock::now();
        Outcome outcome = store_.store(batch);
        metrics_.transaction_seconds.Observe(std::chrono::duration<double>(Clock::now() - began).count());
        auto* refused = std::get_if<Refused>(&outcome);
        if (refused == nullptr) return outcome;
        metrics_.transactions_failed(kind(Remedy::data)).Increment();
        batch.refuse_rows(std::move(refused->rows));
    }
}

void BatchWriter::divert_refused(Batch& batch) {
    const auto refusals = batch.undelivered();
    if (refusals.empty()) return;
    std::vector<wire::Record> records;
    records.reserve(refusals.size());
    for (const auto& refusal : refusals) records.push_back(diverted(batch, refusal));
    publisher_.deliver(records);
    for (std::size_t i = 0; i < records.size(); ++i) {
        if (records[i].topic == dead_letter_topic_) {
            metrics_.dead_lettered(refusals[i].why.reason).Increment();
        } else {
            metrics_.retried.Increment();
        }
    }
    const auto& first = batch.record(refusals.front().record);
    service::log_warn("records were diverted",
                      {{"records", std::to_string(refusals.size())},
                       {"first", std::string(first.topic()) + "[" + std::to_string(first.partition()) + "]@" +
                                     std::to_string(first.offset())},
                       {"to", records.front().topic},
                       // Not the detail: it may quote what a learner wrote.
                       {"reason", refusals.front().why.reason}});
    batch.all_delivered();
}

/// What may be otherwise later is put off as often as there are retries; everything else is a dead letter.
wire::Record BatchWriter::diverted(const Batch& batch, const Refusal& refusal) const {
    const auto& record = batch.record(refusal.record);
    const auto tried = static_cast<std::size_t>(attempts(record));
    if (!refusal.why.unclear || tried >= retries_.topics.size())
        return dead_letter(record, dead_letter_topic_, batch.group().name, refusal.why);
    return retry(record, retries_.topics[tried], refusal.why, now() + retries_.delays[tried]);
}

}  // namespace activity::workers
