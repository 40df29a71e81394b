#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "ingest/dialects/verdict.h"
#include "ingest/server/http.h"
#include "ingest/sources/rate_limit.h"

namespace activity::ingest {

/// How many of a request's events were taken, refused, dropped.
struct Tally {
    std::size_t accepted = 0;
    std::size_t rejected = 0;
    std::size_t dropped = 0;
};
Tally tally(std::span<const Verdict> verdicts);

/// `{"accepted":1,"rejected":1,"results":[…]}`, one result an event, in the order of the request. With
/// `"dropped":n` where a drop rule took events, and with `code` and `message` of the first rejection where
/// nothing was accepted: SDKs show these two to their users.
std::string verdicts_json(std::span<const Verdict> verdicts, const Tally& tally);

/// A body that is no event and no batch of them: the same form, with one result that names no message.
Reply refused_body(const Rejection& rejection);

Reply unauthorized(std::string_view code, std::string_view detail);
/// 503: the same request may be sent again after so many seconds.
Reply come_again(std::string_view code, std::string_view detail, std::chrono::seconds after);
/// 429 of a source that is beyond its rate.
Reply too_many(const RateState& rate);

/// X-RateLimit-{Limit,Remaining,Reset}: events; reset in seconds from now. (No SDK that we know reads them:
/// they are for people.)
void append_rate_headers(std::string& headers, const RateState& rate);

/// One transparent pixel.
Reply pixel_reply();

}  // namespace activity::ingest
