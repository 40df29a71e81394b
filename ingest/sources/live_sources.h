#pragma once

#include <prometheus/counter.h>
#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ingest/metrics.h"
#include "ingest/sources/rate_limit.h"
#include "schemas/catalogue/catalogue.h"
#include "schemas/service/file_stamp.h"
#include "schemas/sources/sources.h"

namespace activity::ingest {

/// What the program knows of a source while it runs, whatever becomes of the file: its bucket and its
/// counters. Never freed before the program ends, so a request in flight may hold it across a reload.
struct SourceState {
    std::string name;
    TokenBucket bucket;
    prometheus::Counter& accepted;
    prometheus::Counter& rate_limited;
    std::array<prometheus::Counter*, mark_count> marked{};  ///< by Mark
};

/// A source as the file has it now, prepared for the hot path.
struct LiveSource {
    const Source* source = nullptr;
    SourceState* state = nullptr;

    /// The rule that drops an activity of this learner; nullptr if none does. The same learner always gets
    /// the same answer, so what is kept of a sampled activity is whole histories.
    const DropRule* drop_rule(std::string_view activity, std::string_view learner) const;
    std::unordered_map<std::string, const DropRule*> rules;  ///< by Catalogue::normalised() of the activity
};

/// How a browser's page of some origin is answered, before it is known which source it sends for.
enum class OriginAnswer {
    none,    ///< no source takes it
    any,     ///< some source takes any origin: `*`, without credentials
    listed,  ///< some source names it: itself, with credentials
};

/// One state of the file. Immutable.
class SourceTable {
  public:
    SourceTable(Sources sources, const std::map<std::string, SourceState*, std::less<>>& states);

    /// nullptr if no source has the key.
    const LiveSource* find(std::string_view write_key, Timestamp now) const;
    OriginAnswer answer_to(std::string_view origin) const;
    const Sources& sources() const { return sources_; }

  private:
    Sources sources_;
    std::vector<LiveSource> live_;  ///< as sources_.all()
};

/// The sources while the program runs: read again when their file changes. A file that is broken changes
/// nothing but a metric and the log.
class LiveSources {
  public:
    LiveSources(Sources first, std::filesystem::path file, const IngestMetrics& metrics);

    /// The newest table. Any thread; cheap enough to be asked for every request when only the version is
    /// compared first.
    std::shared_ptr<const SourceTable> table() const;
    /// Goes up with every new table.
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

    /// Looks whether the file has changed or a key has expired, and takes it over. A change is taken over
    /// when two calls have seen the same: half a file may be a good file of fewer sources. One thread.
    void poll(Timestamp now);

  private:
    void publish(Sources sources);
    void reload();

    const std::filesystem::path file_;
    const IngestMetrics& metrics_;
    std::optional<service::FileStamp> stamp_;    ///< of what is in force
    std::optional<service::FileStamp> pending_;  ///< seen once: perhaps somebody is still writing
    std::optional<Timestamp> next_expiry_;
    std::map<std::string, std::unique_ptr<SourceState>, std::less<>> states_;
    mutable std::mutex mutex_;  ///< guards table_
    std::shared_ptr<const SourceTable> table_;
    std::atomic<std::uint64_t> version_ = 0;
};

}  // namespace activity::ingest
