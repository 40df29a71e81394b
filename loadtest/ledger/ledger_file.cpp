#include "loadtest/ledger/ledger_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace activity::loadtest {
namespace {

/// Entries of a window: 8 MB, a multiple of every page size.
constexpr std::uint64_t window_entries = std::uint64_t{1} << 18;
constexpr std::size_t window_bytes = window_entries * sizeof(Entry);
constexpr std::size_t read_entries = 65'536;

[[noreturn]] void fail(const std::string& doing, const std::filesystem::path& file, int error) {
    throw std::runtime_error(doing + " " + file.string() + ": " + std::generic_category().message(error));
}

}  // namespace

struct LedgerWriter::Unmap {
    void operator()(Entry* entries) const noexcept { ::munmap(entries, window_bytes); }
};

LedgerWriter::LedgerWriter(const std::filesystem::path& file)
    : file_(file), descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) fail("cannot make the ledger", file, errno);
}

LedgerWriter::~LedgerWriter() {
    windows_.clear();
    // If that fails there are empty entries at the end, which a reader leaves out.
    (void)!::ftruncate(descriptor_, static_cast<off_t>(size_ * sizeof(Entry)));
    ::close(descriptor_);
}

std::uint64_t LedgerWriter::write(const Entry& entry) {
    assert(last_key_ < entry.key);
    if (size_ % window_entries == 0) {
        const auto begin = static_cast<off_t>(size_ * sizeof(Entry));
        // With its blocks: a mapping that finds no room on the disk when it is written to ends the process.
        if (const int error = ::posix_fallocate(descriptor_, begin, window_bytes); error != 0)
            fail("no room for the ledger", file_, error);
        void* const mapped =
            ::mmap(nullptr, window_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, begin);
        if (mapped == MAP_FAILED) fail("cannot map the ledger", file_, errno);
        windows_.emplace_back(static_cast<Entry*>(mapped));
    }
    const auto index = size_++;
    at(index) = entry;
    last_key_ = entry.key;
    return index;
}

Entry& LedgerWriter::at(std::uint64_t index) {
    auto& window = windows_.at(index / window_entries);
    assert(window);
    return window[index % window_entries];
}

void LedgerWriter::note_sent(std::uint64_t index) {
    auto& sends = at(index).sends;
    if (sends < 255) ++sends;
}

void LedgerWriter::settle(std::uint64_t index, Outcome outcome, std::uint16_t status) {
    auto& entry = at(index);
    entry.status = status;
    if (entry.outcome != Outcome::acknowledged) entry.outcome = outcome;
}

void LedgerWriter::release_before(std::uint64_t index) {
    const auto keep = std::min<std::uint64_t>(index / window_entries, windows_.size());
    for (std::uint64_t i = 0; i < keep; ++i) windows_[i].reset();
}

std::size_t LedgerWriter::mapped_bytes() const {
    return static_cast<std::size_t>(
               std::ranges::count_if(windows_, [](const Window& window) { return window != nullptr; })) *
           window_bytes;
}

LedgerReader::LedgerReader(const std::filesystem::path& file)
    : descriptor_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) fail("cannot read the ledger", file, errno);
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || status.st_size % static_cast<off_t>(sizeof(Entry)) != 0) {
        ::close(descriptor_);
        throw std::runtime_error(file.string() + " is no ledger: its size is no multiple of " +
                                 std::to_string(sizeof(Entry)));
    }
    size_ = static_cast<std::uint64_t>(status.st_size) / sizeof(Entry);
    // Of a process that was killed: room for more than it wrote.
    const auto is_empty = [&](std::uint64_t index) {
        Entry entry;
        return ::pread(descriptor_, &entry, sizeof entry, static_cast<off_t>(index * sizeof(Entry))) !=
                   static_cast<ssize_t>(sizeof entry) ||
               entry.key == UuidBytes{};
    };
    std::uint64_t written = 0;
    for (std::uint64_t beyond = size_; written < beyond;) {
        const auto middle = written + (beyond - written) / 2;
        if (is_empty(middle)) {
            beyond = middle;
        } else {
            written = middle + 1;
        }
    }
    size_ = written;
}

LedgerReader::~LedgerReader() {
    ::close(descriptor_);
}

std::span<const Entry> LedgerReader::next() {
    const auto wanted = std::min<std::uint64_t>(read_entries, size_ - read_);
    entries_.resize(wanted);
    auto* to = reinterpret_cast<char*>(entries_.data());
    std::size_t left = wanted * sizeof(Entry);
    auto from = static_cast<off_t>(read_ * sizeof(Entry));
    while (left > 0) {
        const auto got = ::pread(descriptor_, to, left, from);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) throw std::runtime_error("the ledger ended while it was read");
        to += got;
        from += got;
        left -= static_cast<std::size_t>(got);
    }
    read_ += wanted;
    return entries_;
}

UuidBytes RisingIds::next(Timestamp now) {
    const auto us = static_cast<std::uint64_t>(now.time_since_epoch().count());
    // 48 bits of milliseconds, 12 of the fraction: a microsecond is four of its steps.
    const std::uint64_t time = (us / 1'000) << 12 | (us % 1'000) * 4;
    if (time > last_) {
        last_ = time;
        counter_ = 0;
    } else if (++counter_ == 1U << 30) {
        ++last_;
        counter_ = 0;
    }
    UuidBytes id;
    for (std::size_t i = 0; i < 6; ++i) id[i] = static_cast<std::uint8_t>(last_ >> (52 - 8 * i));
    id[6] = static_cast<std::uint8_t>(0x70 | (last_ >> 8 & 0x0f));
    id[7] = static_cast<std::uint8_t>(last_);
    id[8] = static_cast<std::uint8_t>(0x80 | counter_ >> 24);
    for (std::size_t i = 0; i < 3; ++i) id[9 + i] = static_cast<std::uint8_t>(counter_ >> (16 - 8 * i));
    for (std::size_t i = 0; i < 4; ++i) id[12 + i] = static_cast<std::uint8_t>(own_ >> (24 - 8 * i));
    return id;
}

}  // namespace activity::loadtest
