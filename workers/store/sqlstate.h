#pragma once

#include <string_view>

#include "workers/store/store.h"

namespace activity::workers {

/// What can be done about an error, by its SQLSTATE. Source: PostgreSQL 15, Appendix A, "Error Codes".
/// Whatever we do not know pauses the worker: it is said in its health, nothing is diverted, and it goes on
/// once somebody has put it right (a missing right, a migration that has not run yet).
inline Remedy remedy(std::string_view sqlstate) {
    const auto begins = [sqlstate](std::string_view prefix) {
        return sqlstate.substr(0, prefix.size()) == prefix;
    };
    if (begins("40") || sqlstate == "55P03" || sqlstate == "57014") return Remedy::retry;
    // 54: an index row or a nesting beyond the server's limits.
    // P0: PL/pgSQL's RAISE, NO_DATA_FOUND and the like: what a group's own SQL says.
    if (begins("P0")) return Remedy::unclear;
    if (begins("22") || begins("23") || begins("54")) return Remedy::data;
    return Remedy::wait;
}

}  // namespace activity::workers
