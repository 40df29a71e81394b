#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ingest/dialects/query.h"
#include "ingest/dialects/segment.h"
#include "ingest/metrics.h"
#include "ingest/rejected_events.h"
#include "ingest/replies.h"
#include "ingest/routes.h"
#include "ingest/server/client_address.h"
#include "ingest/server/exchange.h"
#include "ingest/server/gzip.h"
#include "ingest/sources/live_sources.h"
#include "schemas/catalogue/catalogue.h"
#include "schemas/wire/producer.h"

namespace activity::ingest {

/// What all reactors' intakes share; outlives them. Every part is const or thread-safe.
struct IntakeShared {
    const Catalogue& catalogue;
    const LiveSources& sources;
    const IngestMetrics& metrics;
    wire::Publisher& publisher;
    RejectedEvents& rejected;
    std::string topic_prefix;
    SegmentLimits limits{};
    GzipLimits gzip{};
    TrustedProxies proxies{};
    /// How long a client waits for Kafka's confirmation. Less than the 10 s after which Segment's SDKs hang
    /// up: they shall hear when to come again.
    std::chrono::milliseconds ack_timeout{8'000};
};

/// The reactor's index is in a ticket's first byte, so that the producer's thread knows whose report it is.
constexpr std::size_t reactor_of(wire::Ticket ticket) {
    return static_cast<std::size_t>(ticket >> 56);
}

/// One reactor's way from requests to records and from delivery reports to replies:
/// route → authenticate and let in → unpack → decode → publish → (reports) → reply. One thread.
class Intake final : public Exchange {
  public:
    Intake(const IntakeShared& shared, std::size_t reactor);
    ~Intake() override;

    std::optional<Reply> accept(Request request, RequestId id, Clock::time_point now) override;
    void complete(std::span<const wire::DeliveryReport> reports, Clock::time_point now,
                  std::vector<Answer>& answers) override;
    void expire(Clock::time_point now, std::vector<Answer>& answers) override;
    std::string refuse(int status, const Request& seen) override;

  private:
    enum class ReplyForm { verdicts, pixel };

    /// A request on its way through accept().
    struct Call {
        Request& request;
        Route route;
        Query query;
        RequestId id;
        Clock::time_point now;
        std::string& headers;  ///< that every answer to it gets
        const LiveSource* source = nullptr;
        bool atomic = false;
    };

    /// A request whose records are with Kafka. Its place is free again when every record has its report, also
    /// when the client was told to come again before: a late report then finds nobody else here.
    struct InFlight {
        RequestId id;
        SourceState* source = nullptr;
        ReplyForm form = ReplyForm::verdicts;
        std::string headers;                ///< of the reply, however it goes
        std::string body;                   ///< of the reply, if all goes well
        std::uint32_t reports_missing = 0;  ///< 0: the place is free
        std::uint32_t events = 0;
        bool answered = false;
        bool failed = false;
        Clock::time_point started;
    };

    /// Where the events of an activity go.
    struct Destination {
        std::string topic;
        std::string schema_id;
        prometheus::Counter* produced = nullptr;
    };

    void refresh_sources();
    std::optional<Reply> answer(Request& request, RequestId id, Clock::time_point now, std::string& headers);
    std::optional<Reply> answer_events(Call& call);
    std::optional<Reply> answer_pixel(Call& call);
    Reply answer_sdk_settings(const Call& call);
    Reply answer_source_config(Call& call);
    Reply answer_sdk_metrics();

    // Each returns the refusal, if it comes to that.
    std::optional<Reply> find_source(Call& call);
    std::optional<Reply> let_in(Call& call);
    std::optional<Reply> unpack(Request& request);

    std::optional<Reply> take_events(Call& call);
    void apply_drop_rules(std::vector<Verdict>& verdicts, const LiveSource& source);
    void tell_of_rejections(const std::vector<Verdict>& verdicts, const Call& call, Timestamp received_at);
    std::optional<Reply> publish(const std::vector<Verdict>& verdicts, const Tally& tally, Call& call);
    Reply refuse_body(const Rejection& rejection, const Call& call);

    const Destination& destination(const Verdict& verdict) const;
    const LiveSource* source_of_authorization(const std::string& authorization);
    std::string address_kept(const Request& request) const;
    Reply reply_to(InFlight& request, Clock::time_point now);
    Reply count(Reply reply);
    void count_request(int status);
    void observe_latency(std::chrono::duration<double> latency);
    void flush_metrics();
    std::uint32_t take_place();

    const IntakeShared& shared_;
    const wire::Ticket ticket_base_;
    SegmentReader segment_;
    Gunzip gunzip_;
    std::shared_ptr<const SourceTable> sources_;
    std::uint64_t sources_version_ = 0;
    std::vector<Destination>
        destinations_;  ///< in the catalogue's order; the last is for what it does not know
    std::unordered_map<std::string, const LiveSource*> known_authorizations_;  ///< of sources_
    std::vector<InFlight> in_flight_;
    std::vector<std::uint32_t> free_places_;
    std::unordered_map<int, prometheus::Counter*> request_counters_;
    std::vector<double> latency_buckets_;
    double latency_sum_s_ = 0;
    std::uint64_t latencies_ = 0;
};

}  // namespace activity::ingest
