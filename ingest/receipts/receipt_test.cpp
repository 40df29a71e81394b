#include "ingest/receipts/receipt.h"

#include <gtest/gtest.h>

namespace activity::receipts {
namespace {

Receipt receipt(Status status) {
    Receipt receipt;
    receipt.message_id = "m\"1";
    receipt.status = status;
    receipt.received_at = "2026-01-01T00:00:00.000Z";
    return receipt;
}

TEST(ReceiptTest, AStoredEventSaysWhenAndWhatWasMarked) {
    Receipt stored = receipt(Status::stored);
    stored.stored_at = "2026-01-01T00:00:01.000Z";
    EXPECT_EQ(receipt_json(stored),
              R"({"messageId":"m\"1","status":"stored","receivedAt":"2026-01-01T00:00:00.000Z",)"
              R"("groups":[{"group":"records","status":"stored","storedAt":"2026-01-01T00:00:01.000Z"}]})");
    stored.marks = {"schema_violation", "message_id_made"};
    EXPECT_NE(receipt_json(stored).find(R"("marks":["schema_violation","message_id_made"],"groups")"),
              std::string::npos);
}

TEST(ReceiptTest, AnAcceptedEventWaits) {
    EXPECT_EQ(receipt_json(receipt(Status::accepted)),
              R"({"messageId":"m\"1","status":"accepted","receivedAt":"2026-01-01T00:00:00.000Z",)"
              R"("groups":[{"group":"records","status":"waiting"}]})");
}

TEST(ReceiptTest, ADeadLetterSaysWhoGaveItUpAndWhy) {
    Receipt letter = receipt(Status::dead_lettered);
    letter.group = "records";
    letter.code = "malformed_json";
    letter.message = "TAPE_ERROR";
    letter.at = "2026-01-01T00:00:02.000Z";
    EXPECT_EQ(receipt_json(letter),
              R"({"messageId":"m\"1","status":"dead_lettered","receivedAt":"2026-01-01T00:00:00.000Z",)"
              R"("groups":[{"group":"records","status":"dead_lettered","code":"malformed_json",)"
              R"("message":"TAPE_ERROR","deadLetteredAt":"2026-01-01T00:00:02.000Z"}]})");
}

TEST(ReceiptTest, ARejectedEventReachedNoGroup) {
    Receipt rejected = receipt(Status::rejected);
    rejected.code = "missing_field";
    rejected.field = "userId";
    rejected.message = "is missing";
    EXPECT_EQ(receipt_json(rejected),
              R"({"messageId":"m\"1","status":"rejected","receivedAt":"2026-01-01T00:00:00.000Z",)"
              R"("code":"missing_field","field":"userId","message":"is missing","groups":[]})");
}

TEST(ReceiptTest, WhatIsNotKnownIsLeftOut) {
    Receipt rejected = receipt(Status::rejected);
    rejected.received_at.clear();
    rejected.code = "empty_batch";
    EXPECT_EQ(receipt_json(rejected),
              R"({"messageId":"m\"1","status":"rejected","code":"empty_batch","groups":[]})");
}

}  // namespace
}  // namespace activity::receipts
