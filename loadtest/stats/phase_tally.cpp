#include "loadtest/stats/phase_tally.h"

#include <algorithm>

namespace activity::loadtest {

Counts& Counts::operator+=(const Counts& other) {
    offered += other.offered;
    unsent += other.unsent;
    acknowledged += other.acknowledged;
    refused += other.refused;
    refused_unexpected += other.refused_unexpected;
    accepted_unexpected += other.accepted_unexpected;
    unknown += other.unknown;
    retries += other.retries;
    status_429 += other.status_429;
    status_503 += other.status_503;
    status_other += other.status_other;
    lost += other.lost;
    timed_out += other.timed_out;
    duplicates += other.duplicates;
    wrong += other.wrong;
    return *this;
}

PhaseTally& PhaseTally::operator+=(const PhaseTally& other) {
    counts += other.counts;
    latency.add(other.latency);
    lateness.add(other.lateness);
    cpu += other.cpu;
    took = std::max(took, other.took);
    return *this;
}

}  // namespace activity::loadtest
