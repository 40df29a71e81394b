#pragma once

#include <simdjson.h>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "schemas/activity/rejection.h"

namespace activity::json {

using Element = simdjson::dom::element;
using Object = simdjson::dom::object;
using Array = simdjson::dom::array;

/// Levels of objects and arrays that a document may have. Deep enough for any SDK's event, shallow enough
/// that every reader downstream survives it.
inline constexpr std::size_t nesting_max = 64;

/// Reads untrusted JSON with simdjson's DOM (its On-Demand reader accepts what it skips).
/// Owns the memory of the last document: elements die with the next read() or the reader. One a thread.
class Reader {
  public:
    explicit Reader(std::size_t levels_max = nesting_max) : levels_max_(levels_max) {}

    /// Refuses: not JSON, bad UTF-8, lone surrogates, two documents, nesting beyond the limit, integers
    /// beyond 64 bits. Duplicate keys and \u0000 pass here: append_checked() refuses them.
    /// May grow the capacity of `text` (simdjson reads past its end); its content is left alone.
    std::variant<Element, Rejection> read(std::string& text);
    /// The same for bytes of somebody else; they are copied first.
    std::variant<Element, Rejection> read(std::string_view text);

  private:
    std::size_t levels_max_;
    simdjson::dom::parser parser_;
    std::string copy_;
    bool allocated_ = false;
};

/// Appends the element in its canonical form (no blanks, doubles in their shortest form that reads back
/// equal, members in the order of the input) and checks on the way what the parser lets pass: \u0000 in a
/// string or a name, a name twice in one object. On a rejection `out` holds the part before it; its field is
/// a path from `element`.
std::optional<Rejection> append_checked(std::string& out, Element element);

/// Appends `"name":value`, checked likewise. The path begins with the name.
std::optional<Rejection> append_member_checked(std::string& out, std::string_view name, Element value);

/// Appends a JSON string, quoted and escaped.
void append_string(std::string& out, std::string_view text);

/// The first `bytes_max` bytes at most, cut between characters.
std::string_view cut(std::string_view text, std::size_t bytes_max);

/// Whether it holds U+0000.
bool has_nul(std::string_view text);

/// Characters of UTF-8 text.
std::size_t characters(std::string_view text);

/// A name that stands twice in the object, if there is one (append_checked() asks for every object in it).
std::optional<std::string_view> duplicate_name(const Object& object);

/// Reads a member that must be an object; `out` holds its canonical form. Checks as append_checked() does.
std::optional<Rejection> read_object(std::string& out, std::string_view name, Element value);

/// Reads a member that must be a string, without \u0000.
std::optional<Rejection> read_text(std::string& out, std::string_view name, Element value);

/// A member is not of the type that it must have.
Rejection wrong_type(std::string_view name, std::string_view wanted);

/// Path of `member` (a name, a path, an `[index]`, or "" for the parent itself) below `parent` ("" for the
/// top).
std::string path(std::string_view parent, std::string_view member);

}  // namespace activity::json
