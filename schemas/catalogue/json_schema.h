#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "schemas/activity/json.h"

namespace activity {

/// A schema that cannot be used: which keyword, where, and why.
class JsonSchemaError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// What of a document breaks a schema, and how.
struct SchemaViolation {
    std::string field;    ///< path from the document's top, as `items[2].price`; "" for the document itself
    std::string message;  ///< the rule in words, with its number
};

/// A JSON Schema (draft 2020-12), compiled for checking elements of a parsed document in place.
///
/// Of the draft's keywords it knows those by which a property of an event is described; a schema with any
/// other keyword is refused when it is compiled, so none is ever passed over in silence. Patterns are RE2's:
/// their time is linear in the text, whoever wrote it. Immutable and thread-safe.
///
/// Why not a library: README.md, "Decisions". json_schema_test.cpp checks it against one (valijson).
class JsonSchema {
  public:
    /// Throws JsonSchemaError.
    explicit JsonSchema(json::Element schema);
    ~JsonSchema();
    JsonSchema(JsonSchema&&) noexcept;
    JsonSchema& operator=(JsonSchema&&) noexcept;

    /// The first violation that is found, if there is one.
    std::optional<SchemaViolation> check(json::Element document) const;

    class Node;

  private:
    std::unique_ptr<Node> root_;
};

}  // namespace activity
