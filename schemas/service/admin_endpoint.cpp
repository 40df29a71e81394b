#include "schemas/service/admin_endpoint.h"

#include <httplib.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <thread>

#include "schemas/activity/json.h"

namespace activity::service {
namespace {

/// Only SO_REUSEADDR. The library's default adds SO_REUSEPORT, with which two programs share one port unseen.
void reuse_address_only(socket_t socket) {
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

std::string health_json(const Health& health) {
    std::string out = "{\"ready\":";
    out += health.ready ? "true" : "false";
    out += ",\"detail\":";
    json::append_string(out, health.detail);
    out += "}\n";
    return out;
}

}  // namespace

class AdminEndpoint::Impl {
  public:
    Impl(const Address& address, std::shared_ptr<prometheus::Registry> registry,
         std::function<Health()> health)
        : address_(address), registry_(std::move(registry)), health_(std::move(health)) {
        server_.new_task_queue = [] { return new httplib::ThreadPool(2); };
        server_.set_socket_options(reuse_address_only);
        server_.set_read_timeout(5);
        server_.set_write_timeout(5);
        server_.set_keep_alive_max_count(100);
        server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
            response.set_content(prometheus::TextSerializer().Serialize(registry_->Collect()),
                                 "text/plain; version=0.0.4; charset=utf-8");
        });
        server_.Get("/health/live", [](const httplib::Request&, httplib::Response& response) {
            response.set_content("{\"live\":true}\n", "application/json");
        });
        server_.Get("/health/ready", [this](const httplib::Request&, httplib::Response& response) {
            const Health now = health_();
            response.status = now.ready ? 200 : 503;
            response.set_content(health_json(now), "application/json");
        });
        bind();
        thread_ = std::thread([this] { server_.listen_after_bind(); });
    }

    ~Impl() {
        server_.stop();
        if (thread_.joinable()) thread_.join();
    }

    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Address address() const { return address_; }

  private:
    void bind() {
        if (address_.port == 0) {
            const int port = server_.bind_to_any_port(address_.host);
            if (port > 0) {
                address_.port = static_cast<std::uint16_t>(port);
                return;
            }
        } else if (server_.bind_to_port(address_.host, address_.port)) {
            return;
        }
        throw SettingsError("ACTIVITY_ADMIN_ADDRESS: cannot listen on " + address_.text() +
                            "; is the port taken?");
    }

    Address address_;
    std::shared_ptr<prometheus::Registry> registry_;
    std::function<Health()> health_;
    httplib::Server server_;
    std::thread thread_;
};

AdminEndpoint::AdminEndpoint(const Address& address, std::shared_ptr<prometheus::Registry> registry,
                             std::function<Health()> health)
    : impl_(std::make_unique<Impl>(address, std::move(registry), std::move(health))) {}

AdminEndpoint::~AdminEndpoint() = default;

Address AdminEndpoint::address() const {
    return impl_->address();
}

}  // namespace activity::service
