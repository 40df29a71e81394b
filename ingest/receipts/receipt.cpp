#include "ingest/receipts/receipt.h"

#include "schemas/activity/json.h"

namespace activity::receipts {
namespace {

/// The only group there is. A second one is a second entry of `groups`.
constexpr std::string_view records_group = "records";

void append_member(std::string& out, std::string_view name, std::string_view text) {
    if (text.empty()) return;
    if (out.back() != '{') out += ',';
    json::append_string(out, name);
    out += ':';
    json::append_string(out, text);
}

void append_group(std::string& out, std::string_view group, std::string_view status) {
    out += ",\"groups\":[{";
    append_member(out, "group", group);
    append_member(out, "status", status);
}

void append_marks(std::string& out, const std::vector<std::string>& marks) {
    if (marks.empty()) return;
    out += ",\"marks\":[";
    for (const auto& mark : marks) {
        if (out.back() != '[') out += ',';
        json::append_string(out, mark);
    }
    out += ']';
}

}  // namespace

std::string_view to_string(Status status) {
    switch (status) {
        case Status::stored: return "stored";
        case Status::accepted: return "accepted";
        case Status::dead_lettered: return "dead_lettered";
        case Status::rejected: return "rejected";
        case Status::unknown: return "unknown";
    }
    return "unknown";
}

std::string receipt_json(const Receipt& receipt) {
    std::string out = "{";
    append_member(out, "messageId", receipt.message_id);
    append_member(out, "status", to_string(receipt.status));
    append_member(out, "receivedAt", receipt.received_at);
    append_marks(out, receipt.marks);
    switch (receipt.status) {
        case Status::stored:
            append_group(out, records_group, "stored");
            append_member(out, "storedAt", receipt.stored_at);
            out += "}]";
            break;
        case Status::accepted:
            append_group(out, records_group, "waiting");
            out += "}]";
            break;
        case Status::dead_lettered:
            append_group(out, receipt.group, "dead_lettered");
            append_member(out, "code", receipt.code);
            append_member(out, "message", receipt.message);
            append_member(out, "deadLetteredAt", receipt.at);
            out += "}]";
            break;
        case Status::rejected:
            append_member(out, "code", receipt.code);
            append_member(out, "field", receipt.field);
            append_member(out, "message", receipt.message);
            out += ",\"groups\":[]";
            break;
        case Status::unknown: break;
    }
    return out + '}';
}

}  // namespace activity::receipts
