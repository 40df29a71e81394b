#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "schemas/activity/rejection.h"

namespace activity::ingest {

/// The parameters of a request's query, decoded, in their order.
class Query {
  public:
    explicit Query(std::string_view text);

    /// The first of that name; nothing if there is none.
    std::optional<std::string_view> find(std::string_view name) const;
    const std::vector<std::pair<std::string, std::string>>& parameters() const { return parameters_; }

  private:
    std::vector<std::pair<std::string, std::string>> parameters_;
};

/// Decodes %xx. What is no escape stands for itself, as browsers have it (URL standard, "percent-decode").
std::string percent_decode(std::string_view text, bool plus_is_blank);

/// The JSON body of an event that came in the address of an image: each parameter a member, a dot in its name
/// a level, its value a string (as RudderStack's gateway reads them).
std::variant<std::string, Rejection> pixel_body(const Query& query);

}  // namespace activity::ingest
