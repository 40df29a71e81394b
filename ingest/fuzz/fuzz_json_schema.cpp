// A schema (the first line), and a document (the rest). Whatever they are, the one is refused or the other is
// checked. As in ingest, a document comes to the check only after append_checked() has taken it.

#include "ingest/fuzz/check.h"
#include "schemas/catalogue/json_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace activity;
    using ingest::fuzz::require;
    static json::Reader schema_reader;
    static json::Reader document_reader;
    std::string_view document_text = ingest::fuzz::text_of(data, size);
    const std::string_view schema_text = ingest::fuzz::take_line(document_text);

    const auto schema_json = schema_reader.read(schema_text);
    const auto* schema_element = std::get_if<json::Element>(&schema_json);
    if (schema_element == nullptr) return 0;
    std::optional<JsonSchema> schema;
    try {
        schema.emplace(*schema_element);
    } catch (const JsonSchemaError& error) {
        require(std::string_view(error.what()).size() > 1, "a schema that is refused is told why");
        return 0;
    }

    const auto document = document_reader.read(document_text);
    const auto* element = std::get_if<json::Element>(&document);
    std::string canonical;
    if (element == nullptr || json::append_checked(canonical, *element)) return 0;
    const auto violation = schema->check(*element);
    require(!violation || !violation->message.empty(), "a violation says the rule");
    // The canonical form is the same document: the schema says the same of it.
    const auto again =
        schema->check(ingest::fuzz::require_json(document_reader, canonical, "canonical JSON"));
    require(violation.has_value() == again.has_value(), "the canonical form is as good or bad", canonical);
    if (violation)
        require(violation->field == again->field && violation->message == again->message,
                "the same violation");
    return 0;
}
