#include "loadtest/verify/verify.h"

#include <algorithm>
#include <stdexcept>

#include "loadtest/verify/counters.h"
#include "loadtest/verify/ledgers.h"
#include "loadtest/verify/postgres.h"
#include "loadtest/verify/tally.h"

namespace activity::loadtest {
namespace {

using Clock = std::chrono::steady_clock;

/// The front door's clock may be behind the senders'.
constexpr auto clocks_differ_max = std::chrono::minutes{10};

}  // namespace

bool Verification::holds() const {
    return Comparison::holds() &&
           std::ranges::all_of(counters, [](const CounterCheck& check) { return check.differences == 0; });
}

Verification verify(const VerifySettings& settings) {
    const auto began = Clock::now();
    if (settings.sources.empty())
        throw std::invalid_argument("a verification needs the names of the sources");
    Postgres postgres(settings.postgres_url);
    Ledgers ledgers(settings.ledgers);

    std::string names;
    for (const auto& source : settings.sources)
        names += (names.empty() ? "" : ", ") + postgres.literal(source);
    const std::string from = postgres.literal(format_timestamp(settings.began - clocks_differ_max));

    // One snapshot for rows and counters.
    postgres.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    std::string keys = "SELECT message_key FROM activity.event";
    if (!settings.database_is_fresh) keys += " WHERE source IN (" + names + ") AND received_at >= " + from;
    postgres.begin_copy(keys + " ORDER BY message_key");

    Tally tally;
    Verification verification;
    static_cast<Comparison&>(verification) = compare(
        ledgers, [&] { return postgres.next_keys(); }, tally);
    if (verification.sources > settings.sources.size())
        throw std::invalid_argument("the ledgers have " + std::to_string(verification.sources) +
                                    " sources, but " + std::to_string(settings.sources.size()) +
                                    " have a name");

    compare_counters(postgres, settings, {names, "received_at < " + from}, tally, verification);
    postgres.query("COMMIT");
    verification.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    return verification;
}

}  // namespace activity::loadtest
