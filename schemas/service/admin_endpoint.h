#pragma once

#include <prometheus/registry.h>
#include <functional>
#include <memory>
#include <string>

#include "schemas/service/settings.h"

namespace activity::service {

/// Whether to send work here, and if not, why (shown to the operator).
struct Health {
    bool ready = false;
    std::string detail;
};

/// GET /metrics (Prometheus text), /health/live, /health/ready on an address of its own. No authentication:
/// bind it to loopback or a private address. Serves on threads of its own until destroyed.
class AdminEndpoint {
  public:
    /// `health` is called on the endpoint's threads. Throws SettingsError if the address cannot be bound.
    AdminEndpoint(const Address& address, std::shared_ptr<prometheus::Registry> registry,
                  std::function<Health()> health);
    ~AdminEndpoint();
    AdminEndpoint(const AdminEndpoint&) = delete;
    AdminEndpoint& operator=(const AdminEndpoint&) = delete;

    /// The address that it listens on, with the real port.
    Address address() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace activity::service
