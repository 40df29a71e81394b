#pragma once

#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "workers/loop/batch.h"
#include "workers/loop/metrics.h"
#include "workers/loop/sync_publisher.h"
#include "workers/store/store.h"

namespace activity::workers {

/// Where the records go that are put off, and for how long.
struct Retries {
    std::vector<std::string> topics;  ///< with prefix; one for each time that a record is put off
    std::vector<std::chrono::milliseconds> delays;  ///< as many
};

/// What became of a try to store a batch.
struct Written {
    enum class Result { stored, fenced, failed } result;
    Stored stored;                    ///< stored
    std::vector<PartitionState> now;  ///< fenced: PostgreSQL's offsets and epochs
    std::string why;                  ///< failed: a server is away; the batch is as it was
};

/// Brings a sealed batch into the database: sends what it can't take to the retry and dead-letter topics, and
/// tries again what may work at the next try. Either at once, or on a thread of its own while the caller does
/// something else; one batch at a time.
class BatchWriter {
  public:
    /// `dead_letter_topic` with prefix.
    BatchWriter(Store& store, SyncPublisher& publisher, Metrics& metrics, std::string dead_letter_topic,
                Retries retries);

    Written write(Batch& batch);

    /// The batch and the store are the writer's until wait() returns.
    void begin(Batch& batch);
    bool running() const { return running_.valid(); }
    /// Whether wait() would return at once.
    bool ready() const { return running() && ready_within(std::chrono::milliseconds(0)); }
    /// Waits no longer than that. True if nothing runs.
    bool ready_within(std::chrono::milliseconds patience) const;
    Written wait();

  private:
    Outcome store_or_refuse(Batch& batch);
    void divert_refused(Batch& batch);
    wire::Record diverted(const Batch& batch, const Refusal& refusal) const;

    Store& store_;
    SyncPublisher& publisher_;
    Metrics& metrics_;
    std::string dead_letter_topic_;
    Retries retries_;
    std::future<Written> running_;
};

/// As a label of a metric.
const char* kind(Remedy remedy);

}  // namespace activity::workers
