#include "schemas/activity/learner_key.h"

#include "schemas/activity/hash.h"

namespace activity {

LearnerKey learner_key(std::string_view record_key) {
    return {hash_128(record_key)};
}

LearnerKey learner_key(const ActivityEvent& event) {
    return learner_key(event.source + '/' + event.learner());
}

}  // namespace activity
