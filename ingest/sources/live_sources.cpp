#include "ingest/sources/live_sources.h"

#include <xxhash.h>
#include <limits>
#include <utility>

#include "schemas/service/log.h"

namespace activity::ingest {

const DropRule* LiveSource::drop_rule(std::string_view activity, std::string_view learner) const {
    if (rules.empty()) return nullptr;
    const auto rule = rules.find(Catalogue::normalised(activity));
    if (rule == rules.end()) return nullptr;
    const double place = static_cast<double>(::XXH3_64bits(learner.data(), learner.size())) /
                         static_cast<double>(std::numeric_limits<std::uint64_t>::max());
    return place >= rule->second->keep ? rule->second : nullptr;
}

SourceTable::SourceTable(Sources sources, const std::map<std::string, SourceState*, std::less<>>& states)
    : sources_(std::move(sources)) {
    for (const Source& source : sources_.all()) {
        LiveSource live;
        live.source = &source;
        live.state = states.at(source.name);
        for (const DropRule& rule : source.drop) {
            live.rules.emplace(Catalogue::normalised(rule.activity), &rule);
        }
        live_.push_back(std::move(live));
    }
}

const LiveSource* SourceTable::find(std::string_view write_key, Timestamp now) const {
    const Source* source = sources_.find(write_key, now);
    if (source == nullptr) return nullptr;
    return &live_[static_cast<std::size_t>(source - sources_.all().data())];
}

OriginAnswer SourceTable::answer_to(std::string_view origin) const {
    OriginAnswer answer = OriginAnswer::none;
    for (const Source& source : sources_.all()) {
        if (!source.enabled) continue;
        if (lists_origin(source, origin)) return OriginAnswer::listed;
        if (takes_any_origin(source)) answer = OriginAnswer::any;
    }
    return answer;
}

LiveSources::LiveSources(Sources first, std::filesystem::path file, const IngestMetrics& metrics)
    : file_(std::move(file)), metrics_(metrics), stamp_(service::FileStamp::of(file_)) {
    publish(std::move(first));
}

std::shared_ptr<const SourceTable> LiveSources::table() const {
    const std::lock_guard lock(mutex_);
    return table_;
}

void LiveSources::poll(Timestamp now) {
    if (const auto stamp = service::FileStamp::of(file_); stamp != stamp_) {
        if (std::exchange(pending_, stamp) != stamp) return;
        stamp_ = stamp;
        reload();
        return;
    }
    // The table itself knows what has expired, but whoever remembers a key asks again only for a new one.
    if (next_expiry_ && *next_expiry_ <= now) publish(table()->sources());
}

void LiveSources::reload() {
    try {
        publish(Sources::load(file_));
        service::log_info("sources reloaded", {{"sources", std::to_string(table()->sources().all().size())}});
    } catch (const SourcesError& error) {
        metrics_.sources_valid.Set(0);
        service::log_error("the sources' file is broken; the sources stay as they were",
                           {{"mistakes", error.what()}});
    }
}

void LiveSources::publish(Sources sources) {
    const Timestamp now = activity::now();
    next_expiry_.reset();
    std::map<std::string, SourceState*, std::less<>> states;
    for (const Source& source : sources.all()) {
        auto& state = states_[source.name];
        if (!state) {
            state.reset(new SourceState{
                source.name, {}, metrics_.accepted(source.name), metrics_.rate_limited(source.name), {}});
            for (std::size_t i = 0; i < mark_count; ++i)
                state->marked[i] = &metrics_.marked(static_cast<Mark>(i), source.name);
        }
        state->bucket.set(source.events_per_second.value_or(0), source.burst_events);
        states.emplace(source.name, state.get());
        for (const WriteKey& key : source.keys) {
            if (!key.expires || *key.expires <= now) continue;
            if (!next_expiry_ || *key.expires < *next_expiry_) next_expiry_ = key.expires;
        }
    }
    auto table = std::make_shared<const SourceTable>(std::move(sources), states);
    {
        const std::lock_guard lock(mutex_);
        table_ = std::move(table);
    }
    version_.fetch_add(1, std::memory_order_release);
    metrics_.sources_valid.Set(1);
    metrics_.sources_loaded.Set(static_cast<double>(
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count()));
}

}  // namespace activity::ingest
