#include "loadtest/verify/tally.h"

namespace activity::loadtest {

void Tally::add(const Entry& entry) {
    ++events_;
    ++by_source_[entry.source];
    ++by_activity_[entry.activity];
    ++by_course_[entry.course];
    auto& seen = seen_[entry.source];
    if (seen.size() <= entry.learner) seen.resize(entry.learner + std::size_t{1});
    if (seen[entry.learner]) return;
    seen[entry.learner] = true;
    ++learners_;
}

}  // namespace activity::loadtest
