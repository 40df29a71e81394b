#include "ingest/receipts/endpoint.h"

#include <httplib.h>
#include <sys/socket.h>
#include <chrono>
#include <thread>
#include <utility>

#include "ingest/server/base64.h"
#include "ingest/server/http.h"
#include "schemas/activity/json.h"
#include "schemas/service/log.h"

namespace activity::receipts {
namespace {

constexpr std::string_view receipts_path = "/v1/receipts/";
constexpr const char* allowed_methods = "GET, HEAD, OPTIONS";
/// Whoever asks again at once would only find the same.
constexpr const char* retry_after_s = "1";
/// Nobody sends a body here. A mistaken client's is read, so that the answer reaches it.
constexpr std::size_t body_bytes_max = 65'536;

/// Only SO_REUSEADDR. The library's default adds SO_REUSEPORT, with which two programs share one port unseen.
void reuse_address_only(socket_t socket) {
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

void answer(httplib::Response& response, int status, const std::string& body, const std::string& type) {
    response.status = status;
    response.set_header("Cache-Control", "no-store");
    response.set_content(body, type);
}

void answer_problem(httplib::Response& response, int status, std::string_view code, std::string_view detail,
                    std::string_view field = {}) {
    answer(response, status, ingest::problem(status, code, detail, field).body, "application/problem+json");
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Strict: a stray % is a mistake, not a character. Here, not by the library, which turns %2F into a slash
/// before anybody can tell them apart.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = hex_digit(text[i + 1]);
        const int low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high << 4 | low);
        i += 2;
    }
    return out;
}

/// As ingest takes it: the user of HTTP Basic, a Bearer token, `writeKey` in the query. Empty: none.
std::string write_key(const httplib::Request& request) {
    const std::string authorization = request.get_header_value("Authorization");
    const auto token_of = [&](std::string_view scheme) -> std::optional<std::string_view> {
        if (authorization.size() <= scheme.size() || authorization[scheme.size()] != ' ') return std::nullopt;
        for (std::size_t i = 0; i < scheme.size(); ++i) {
            if ((authorization[i] | 0x20) != scheme[i]) return std::nullopt;
        }
        return std::string_view(authorization).substr(scheme.size() + 1);
    };
    if (const auto token = token_of("basic")) {
        const auto user = ingest::decode_base64(*token);
        if (user && user->find(':') != 0) return user->substr(0, user->find(':'));
    }
    if (const auto token = token_of("bearer")) return std::string(*token);
    return request.get_param_value("writeKey");
}

std::string unknown_detail(const Receipt& receipt) {
    std::string detail = "nothing is known of this message";
    if (!receipt.not_searched.empty()) {
        detail += ", but not everything was looked at: " + receipt.not_searched;
    }
    return detail;
}

}  // namespace

class Endpoint::Impl {
  public:
    Impl(const EndpointSettings& settings, FindAsker find_asker, FindReceipt find_receipt, Metrics& metrics)
        : settings_(settings),
          address_(settings.address),
          find_asker_(std::move(find_asker)),
          find_receipt_(std::move(find_receipt)),
          metrics_(metrics) {
        server_.new_task_queue = [threads = settings.threads] { return new httplib::ThreadPool(threads); };
        server_.set_socket_options(reuse_address_only);
        server_.set_tcp_nodelay(true);
        server_.set_read_timeout(5);
        server_.set_write_timeout(5);
        server_.set_payload_max_length(body_bytes_max);
        // The library does not read the body of a GET: what a client puts there would be the connection's
        // next request, and behind a proxy somebody else's. So no connection has a second one.
        server_.set_keep_alive_max_count(1);
        server_.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
            using Handled = httplib::Server::HandlerResponse;
            // What may have a body goes on to be read first, and comes to the error handler.
            if (!is_known_method(request.method)) return Handled::Unhandled;
            timed(request, response);
            return Handled::Handled;
        });
        server_.set_error_handler([this](const httplib::Request& request, httplib::Response& response) {
            if (response.body.empty()) refuse(request, response);
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

    service::Address address() const { return address_; }

  private:
    static bool is_known_method(const std::string& method) {
        return method == "GET" || method == "HEAD" || method == "OPTIONS";
    }

    void timed(const httplib::Request& request, httplib::Response& response) {
        const auto began = std::chrono::steady_clock::now();
        try {
            handle(request, response);
        } catch (const std::exception& error) {
            service::log_error("a request failed", {{"error", error.what()}});
            answer_problem(response, 500, "internal_error", "the question can't be answered");
        }
        metrics_.request_seconds.Observe(
            std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
        metrics_.requests(response.status).Increment();
    }

    void handle(const httplib::Request& request, httplib::Response& response) {
        const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
        const auto raw_id = path.substr(std::min(receipts_path.size(), path.size()));
        if (!path.starts_with(receipts_path) || raw_id.empty() ||
            raw_id.find('/') != std::string_view::npos) {
            answer_problem(response, 404, "not_found", "there is only /v1/receipts/<messageId>");
            return;
        }
        if (request.method == "OPTIONS") {
            response.status = 204;
            response.set_header("Allow", allowed_methods);
            return;
        }
        const auto asker = authenticated(request, response);
        if (!asker) return;
        const auto message_id = percent_decoded(raw_id);
        if (!message_id || json::characters(*message_id) > settings_.message_id_characters_max) {
            answer_problem(response, 400, "invalid_message_id",
                           "must be 1 to " + std::to_string(settings_.message_id_characters_max) +
                               " characters, percent-encoded",
                           "messageId");
            return;
        }
        answer_receipt(*message_id, asker->source, response);
    }

    std::optional<Asker> authenticated(const httplib::Request& request, httplib::Response& response) const {
        const std::string key = write_key(request);
        auto asker = key.empty() ? std::nullopt : find_asker_(key);
        if (!asker) {
            response.set_header("WWW-Authenticate", "Basic realm=\"activity\", charset=\"UTF-8\"");
            answer_problem(
                response, 401, key.empty() ? "missing_write_key" : "invalid_write_key",
                "a source's write key is needed, as the user of HTTP Basic, as a Bearer token or as "
                "writeKey in the query");
        } else if (!asker->enabled) {
            answer_problem(response, 403, "source_disabled", "the source of this write key is switched off");
            return std::nullopt;
        }
        return asker;
    }

    void answer_receipt(const std::string& message_id, const std::string& source,
                        httplib::Response& response) {
        try {
            const Receipt receipt = find_receipt_(message_id, source);
            metrics_.receipts(to_string(receipt.status)).Increment();
            if (receipt.status == Status::unknown) {
                answer_problem(response, 404, to_string(receipt.status), unknown_detail(receipt));
            } else {
                answer(response, 200, receipt_json(receipt), "application/json");
            }
        } catch (const Busy& busy) {
            response.set_header("Retry-After", retry_after_s);
            answer_problem(response, 429, "rate_limited", busy.what());
        } catch (const Unavailable& unavailable) {
            service::log_warn("a question was not answered", {{"why", unavailable.what()}});
            response.set_header("Retry-After", retry_after_s);
            answer_problem(response, 503, "unavailable", "PostgreSQL or Kafka does not answer");
        }
    }

    /// What did not come as far as handle(): another method, or what the library refuses by itself.
    void refuse(const httplib::Request& request, httplib::Response& response) {
        if (response.status == 404 && !is_known_method(request.method)) {
            response.set_header("Allow", allowed_methods);
            answer_problem(response, 405, "method_not_allowed",
                           "only GET, HEAD and OPTIONS are answered here");
        } else {
            answer_problem(response, response.status, "malformed_request", "the request can't be read");
        }
        metrics_.requests(response.status).Increment();
    }

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
        throw service::SettingsError("ACTIVITY_RECEIPTS_ADDRESS: cannot listen on " + address_.text() +
                                     "; is the port taken?");
    }

    EndpointSettings settings_;
    service::Address address_;
    FindAsker find_asker_;
    FindReceipt find_receipt_;
    Metrics& metrics_;
    httplib::Server server_;
    std::thread thread_;
};

Endpoint::Endpoint(const EndpointSettings& settings, FindAsker find_asker, FindReceipt find_receipt,
                   Metrics& metrics)
    : impl_(std::make_unique<Impl>(settings, std::move(find_asker), std::move(find_receipt), metrics)) {}

Endpoint::~Endpoint() = default;

service::Address Endpoint::address() const {
    return impl_->address();
}

}  // namespace activity::receipts
