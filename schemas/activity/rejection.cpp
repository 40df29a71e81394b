#include "schemas/activity/rejection.h"

namespace activity {

std::string_view to_string(Reason reason) {
    switch (reason) {
        case Reason::malformed_json: return "malformed_json";
        case Reason::nesting_too_deep: return "nesting_too_deep";
        case Reason::number_out_of_range: return "number_out_of_range";
        case Reason::nul_character: return "nul_character";
        case Reason::duplicate_key: return "duplicate_key";
        case Reason::wrong_type: return "wrong_type";
        case Reason::missing_field: return "missing_field";
        case Reason::unknown_event_type: return "unknown_event_type";
        case Reason::invalid_message_id: return "invalid_message_id";
        case Reason::invalid_timestamp: return "invalid_timestamp";
        case Reason::field_too_long: return "field_too_long";
        case Reason::event_too_large: return "event_too_large";
        case Reason::batch_too_large: return "batch_too_large";
        case Reason::empty_batch: return "empty_batch";
        case Reason::schema_violation: return "schema_violation";
        case Reason::time_out_of_window: return "time_out_of_window";
        case Reason::other_event_rejected: return "other_event_rejected";
    }
    return "unknown";
}

}  // namespace activity
