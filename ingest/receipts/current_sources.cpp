#include "ingest/receipts/current_sources.h"

#include <chrono>
#include <utility>

#include "schemas/service/log.h"

namespace activity::receipts {
namespace {

/// Half a file may be a good file of fewer sources: what is still being written is left alone for so long.
constexpr std::chrono::milliseconds settled_after{500};

}  // namespace

CurrentSources::CurrentSources(Sources first, std::filesystem::path file)
    : file_(std::move(file)),
      sources_(std::make_shared<const Sources>(std::move(first))),
      stamp_(service::FileStamp::of(file_)) {}

std::optional<Asker> CurrentSources::find(std::string_view write_key) {
    const auto sources = newest();
    const Source* const source = sources->find(write_key, now());
    if (source == nullptr) return std::nullopt;
    return Asker{source->name, source->enabled};
}

std::shared_ptr<const Sources> CurrentSources::newest() {
    const auto stamp = service::FileStamp::of(file_);
    const std::lock_guard lock(mutex_);
    if (stamp == stamp_) return sources_;
    if (stamp && std::filesystem::file_time_type::clock::now() - stamp->written < settled_after)
        return sources_;
    stamp_ = stamp;
    try {
        sources_ = std::make_shared<const Sources>(Sources::load(file_));
        service::log_info("sources reloaded", {{"sources", std::to_string(sources_->all().size())}});
    } catch (const SourcesError& error) {
        service::log_error("the sources' file is broken; the sources stay as they were",
                           {{"mistakes", error.what()}});
    }
    return sources_;
}

}  // namespace activity::receipts
