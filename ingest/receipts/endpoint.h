#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ingest/receipts/metrics.h"
#include "ingest/receipts/receipt.h"
#include "schemas/service/settings.h"

namespace activity::receipts {

/// Whose write key it is.
struct Asker {
    std::string source;
    bool enabled = true;
};

struct EndpointSettings {
    service::Address address;
    std::size_t threads = 4;
    std::size_t message_id_characters_max = 100;
};

/// GET /v1/receipts/<messageId>, for whoever holds a source's write key. Serves on threads of its own until
/// it is destroyed. It is no front door: a slow client occupies one of its threads, so the proxy stands
/// before it.
class Endpoint {
  public:
    using FindAsker = std::function<std::optional<Asker>(std::string_view write_key)>;
    /// Throws Unavailable, Busy.
    using FindReceipt = std::function<Receipt(const std::string& message_id, std::string_view source)>;

    /// Both are called on the endpoint's threads, several at once. Throws SettingsError if the address cannot
    /// be bound.
    Endpoint(const EndpointSettings& settings, FindAsker find_asker, FindReceipt find_receipt,
             Metrics& metrics);
    ~Endpoint();
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    /// The address that it listens on, with the real port.
    service::Address address() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace activity::receipts
