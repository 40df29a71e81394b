#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "schemas/activity/uuid.h"

namespace activity::loadtest {

/// What became of an event, as its client knows.
enum class Outcome : std::uint8_t {
    unknown,       ///< sent perhaps, and no answer: it may be stored or not
    acknowledged,  ///< 2xx: must be stored
    refused,       ///< an answer that says no, for good: must not be stored
};

/// One event. Its ID is a UUIDv7, so its key in PostgreSQL is the ID itself.
struct Entry {
    UuidBytes key;
    std::uint32_t due_ms = 0;   ///< from the beginning of the run, when it was to be sent
    std::uint32_t learner = 0;  ///< number of the learner
    std::uint16_t course = 0;   ///< number of the course; 0: none
    std::uint16_t status = 0;   ///< HTTP's, of the last answer; 0: none came
    std::uint8_t activity = 0;  ///< place in the run's list of activities
    std::uint8_t source = 0;    ///< place in the run's list of sources
    std::uint8_t sends = 0;     ///< how often it was sent; 255: as often or more
    Outcome outcome = Outcome::unknown;
};
static_assert(sizeof(Entry) == 32);

/// Where events are written down before they are sent, and their outcomes after: a file of entries, 32 bytes
/// each, of which only what is in flight is in this process's memory. Written through a shared mapping: what
/// a killed process has written is in the file, and what it did not settle is unknown there. One thread.
class LedgerWriter {
  public:
    /// Throws std::runtime_error if the file is there already or can't be made.
    explicit LedgerWriter(const std::filesystem::path& file);
    /// Cuts the file to what was written.
    ~LedgerWriter();
    LedgerWriter(const LedgerWriter&) = delete;
    LedgerWriter& operator=(const LedgerWriter&) = delete;

    /// Keys must rise. Throws std::runtime_error if the disk is full: before the event is sent.
    std::uint64_t write(const Entry& entry);
    void note_sent(std::uint64_t index);
    /// The last word counts, but for an acknowledgement: what was stored once stays stored.
    void settle(std::uint64_t index, Outcome outcome, std::uint16_t status);
    /// Nothing more will be said of entries below; their part of the file may leave the memory.
    void release_before(std::uint64_t index);

    std::uint64_t size() const { return size_; }
    std::size_t mapped_bytes() const;

  private:
    struct Unmap;
    using Window = std::unique_ptr<Entry[], Unmap>;

    Entry& at(std::uint64_t index);

    std::filesystem::path file_;
    int descriptor_ = -1;
    std::vector<Window> windows_;  ///< of the file, in its order; empty where it was released
    std::uint64_t size_ = 0;
    UuidBytes last_key_{};
};

/// Reads a ledger from its beginning. One thread.
class LedgerReader {
  public:
    /// Throws std::runtime_error if it can't be read or is no ledger.
    explicit LedgerReader(const std::filesystem::path& file);
    ~LedgerReader();
    LedgerReader(const LedgerReader&) = delete;
    LedgerReader& operator=(const LedgerReader&) = delete;

    std::uint64_t size() const { return size_; }
    /// The next ones, at most 64 K of them, valid until the next call. Empty at the end.
    std::span<const Entry> next();

  private:
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
    std::uint64_t read_ = 0;
    std::vector<Entry> entries_;
};

/// IDs of one thread: UUIDv7 (RFC 9562, section 5.7) that rise strictly, also within a millisecond: 12 bits
/// of the millisecond's fraction and a counter (section 6.2, methods 1 and 3), then 32 bits that tell threads
/// and runs apart.
class RisingIds {
  public:
    explicit RisingIds(std::uint32_t own) : own_(own) {}
    UuidBytes next(Timestamp now);

  private:
    std::uint32_t own_;
    std::uint64_t last_ = 0;  ///< milliseconds and fraction
    std::uint32_t counter_ = 0;
};

}  // namespace activity::loadtest
