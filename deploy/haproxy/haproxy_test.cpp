// The proxy's configuration, in a real HAProxy in front of a real ingest, asked by curl.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <chrono>
#include <csignal>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "deploy/stack/harness/directory.h"
#include "deploy/stack/harness/pipeline.h"
#include "deploy/stack/harness/wait.h"

namespace activity {
namespace {

using harness::Connection;
using harness::Environment;
using harness::Exit;
using harness::Pipeline;
using harness::Process;
using harness::Program;
using harness::Response;
using harness::wait_until;

constexpr std::chrono::seconds soon{15};
const std::string haproxy_program = "/usr/sbin/haproxy";
const std::string configuration = ACTIVITY_SOURCE_DIR "/deploy/haproxy/haproxy.cfg";

std::string local(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

/// A member of a JSON object, at a JSON pointer; "(none)" if it is not there.
std::string member(const std::string& json, const std::string& pointer) {
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    std::string_view text;
    if (parser.parse(json).get(document) || document.at_pointer(pointer).get(text)) return "(none)";
    return std::string(text);
}

/// What curl got: the response, and the HTTP version that it came in.
struct Fetched {
    Response response;
    std::string version;  ///< "HTTP/2", "HTTP/1.1"
};

class HaproxyTest : public ::testing::Test {
  protected:
    HaproxyTest() {
        harness::run({{"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                       "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                       "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", file("key.pem"), "-out",
                       file("certificate.pem")},
                      {},
                      file("openssl.log")});
        harness::write_file(file("both.pem"), harness::read_file(file("certificate.pem")) +
                                                  harness::read_file(file("key.pem")));
        start_ingest();
        haproxy_.emplace(
            Process::Command{{haproxy_program, "-db", "-f", configuration}, settings(), file("haproxy.log")});
        wait_until("haproxy and ingest answer", [&] {
            if (!haproxy_->running()) throw std::logic_error("haproxy has ended:\n" + haproxy_->output());
            return fetch("/health", {}).response.status == 200;
        });
    }

    void start_ingest() {
        ingest_.emplace(pipeline_.start_ingest({{"ACTIVITY_INGEST_TRUSTED_PROXIES", "127.0.0.1/32"},
                                                {"ACTIVITY_ADMIN_ADDRESS", local(admin_port_)}}));
    }

    Environment settings() const {
        return {{"ACTIVITY_HAPROXY_CERTIFICATE", file("both.pem")},
                {"ACTIVITY_HAPROXY_HTTP", local(http_port_)},
                {"ACTIVITY_HAPROXY_HTTPS", local(https_port_)},
                {"ACTIVITY_HAPROXY_ADMIN", local(haproxy_admin_port_)},
                {"ACTIVITY_HAPROXY_INGEST", pipeline_.ingest().text()},
                {"ACTIVITY_HAPROXY_INGEST_ADMIN", local(admin_port_)},
                {"ACTIVITY_HAPROXY_RECEIPTS", local(nobody_port_)},
                {"ACTIVITY_HAPROXY_MAXCONN", "200"},
                {"ACTIVITY_HAPROXY_HEADER_TIMEOUT", "1s"}};
    }

    std::string file(const std::string& name) const { return directory_.path() / name; }

    /// With further arguments of curl.
    Fetched fetch_url(const std::string& url, const std::vector<std::string>& arguments) const {
        std::vector<std::string> command{"/usr/bin/curl", "--silent", "--show-error", "--noproxy", "*",
                                         "--max-time",    "30"};
        for (const auto& [option, name] : {std::pair{"--cacert", "certificate.pem"},
                                           std::pair{"--dump-header", "head"}, std::pair{"--output", "body"}})
            command.insert(command.end(), {option, file(name)});
        command.push_back(url);
        command.insert(command.end(), arguments.begin(), arguments.end());
        harness::write_file(file("head"), "");
        harness::write_file(file("body"), "");
        harness::run({command, {}, file("curl.log")});
        return read_fetched();
    }
    /// From the proxy's public address.
    Fetched fetch(const std::string& target, const std::vector<std::string>& arguments) const {
        return fetch_url("https://" + local(https_port_) + target, arguments);
    }

    /// POST of one event with the pipeline's key.
    Fetched track(const std::string& message_id, std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"--user", std::string(harness::write_key) + ":", "--json",
                                           harness::track(message_id, "learner", "Question Asked").json});
        return fetch("/v1/track", arguments);
    }

    /// context.ip of the record with that message ID, as it lies in Kafka.
    std::string stored_address(const std::string& message_id) {
        for (const auto& record : pipeline_.kafka().read(pipeline_.topic("live-class"))) {
            if (record.header("message-id") == message_id) return member(*record.value, "/context/ip");
        }
        return "(no record)";
    }

    harness::Directory directory_{"haproxy"};
    Pipeline pipeline_;
    std::uint16_t admin_port_ = harness::free_port();
    std::uint16_t http_port_ = harness::free_port();
    std::uint16_t https_port_ = harness::free_port();
    std::uint16_t haproxy_admin_port_ = harness::free_port();
    std::uint16_t nobody_port_ = harness::free_port();
    std::optional<Program> ingest_;
    std::optional<Process> haproxy_;

  private:
    Fetched read_fetched() const {
        Fetched fetched;
        std::istringstream head(harness::read_file(file("head")));
        std::string line;
        head >> fetched.version >> fetched.response.status;
        std::getline(head, line);
        while (std::getline(head, line) && line != "\r" && !line.empty()) {
            const std::size_t colon = line.find(": ");
            if (colon == std::string::npos) continue;
            std::string name = line.substr(0, colon);
            for (char& c : name)
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
            fetched.response.headers[name] = line.substr(colon + 2, line.find_last_not_of('\r') - colon - 1);
        }
        fetched.response.body = harness::read_file(file("body"));
        return fetched;
    }
};

TEST_F(HaproxyTest, the_configuration_is_valid_with_one_and_with_four_servers) {
    Environment environment = settings();
    for (int servers = 1; servers <= 4; ++servers) {
        if (servers > 1) {
            const std::string name = "ACTIVITY_HAPROXY_INGEST_" + std::to_string(servers);
            environment[name] = local(nobody_port_);
            environment[name + "_ADMIN"] = local(nobody_port_);
        }
        const std::string output =
            harness::run({{haproxy_program, "-c", "-f", configuration}, environment, file("check.log")});
        EXPECT_THAT(output, ::testing::Not(::testing::HasSubstr("WARNING"))) << servers << " servers";
    }
}

TEST_F(HaproxyTest, events_come_over_http_2_and_1_1) {
    const Fetched two = track("over-http-2", {"--http2"});
    EXPECT_EQ(two.version, "HTTP/2");
    EXPECT_EQ(two.response.status, 202) << two.response.body;
    EXPECT_EQ(member(two.response.body, "/results/0/messageId"), "over-http-2");
    EXPECT_THAT(two.response.header("strict-transport-security"), ::testing::HasSubstr("max-age="));
    const Fetched one = track("over-http-1", {"--http1.1"});
    EXPECT_EQ(one.version, "HTTP/1.1");
    EXPECT_EQ(one.response.status, 202) << one.response.body;
}

/// The address that ingest keeps is the one from which the client came to the proxy, cut off to its network;
/// a client that names another one is not believed. 127.0.5.9 tells the client from the proxy itself.
TEST_F(HaproxyTest, the_client_s_address_is_the_proxy_s_word) {
    const std::vector<std::string> from_elsewhere{"--interface", "host!127.0.5.9"};
    EXPECT_EQ(track("honest", from_elsewhere).response.status, 202);
    EXPECT_EQ(stored_address("honest"), "127.0.5.0");

    std::vector<std::string> spoofed = from_elsewhere;
    for (const char* header :
         {"X-Forwarded-For: 203.0.113.77", "Forwarded: for=203.0.113.77", "X-Real-IP: 203.0.113.77"})
        spoofed.insert(spoofed.end(), {"--header", header});
    for (const char* version : {"--http2", "--http1.1"}) {
        std::vector<std::string> arguments = spoofed;
        arguments.emplace_back(version);
        const std::string message_id = std::string("spoofed") + version;
        EXPECT_EQ(track(message_id, arguments).response.status, 202);
        EXPECT_EQ(stored_address(message_id), "127.0.5.0");
    }
}

TEST_F(HaproxyTest, what_is_private_is_not_there) {
    for (const char* target : {"/metrics", "/metrics/", "/METRICS", "/health/ready", "/health/live"}) {
        const Fetched fetched = fetch(target, {});
        EXPECT_EQ(fetched.response.status, 404) << target;
        EXPECT_EQ(member(fetched.response.body, "/code"), "not_found") << target;
    }
    EXPECT_EQ(fetch("/health", {}).response.status, 200);
    // And where it belongs, it is.
    const std::string admin = "http://" + local(haproxy_admin_port_);
    EXPECT_EQ(fetch_url(admin + "/health/live", {}).response.status, 200);
    EXPECT_THAT(fetch_url(admin + "/metrics", {}).response.body,
                ::testing::HasSubstr("haproxy_backend_http_responses_total"));
}

/// Nothing listens where the receipts should be: only they are missing.
TEST_F(HaproxyTest, receipts_are_another_program_s) {
    const Fetched receipt = fetch("/v1/receipts/some-id", {});
    EXPECT_EQ(receipt.response.status, 503);
    EXPECT_EQ(member(receipt.response.body, "/code"), "unavailable");
    EXPECT_EQ(fetch("/v1/receipts", {}).response.status, 404);
    EXPECT_EQ(track("beside-it", {}).response.status, 202);
}

TEST_F(HaproxyTest, without_tls_only_a_person_is_sent_on) {
    const harness::Endpoint plain{"127.0.0.1", http_port_};
    const Response page = harness::http_get(plain, "/docs");
    EXPECT_EQ(page.status, 308);
    EXPECT_THAT(page.header("location"), ::testing::StartsWith("https://"));
    EXPECT_THAT(page.header("location"), ::testing::EndsWith("/docs"));

    const auto asked = [&](const std::string& request) {
        Connection connection(plain);
        connection.send(request);
        return connection.receive();
    };
    const harness::HttpHeaders key{{"Authorization", harness::authorization()}};
    for (const std::string& request :
         {harness::http_request("POST", "/v1/track", harness::track("readable", "u", "E").json, key),
          harness::http_request("GET", "/sourceConfig", "", key),
          harness::http_request("GET", std::string("/pixel/v1/page?writeKey=") + harness::write_key),
          harness::http_request("GET", std::string("/v1/projects/") + harness::write_key + "/settings"),
          harness::http_request("OPTIONS", "/v1/track")}) {
        const Response refused = asked(request);
        EXPECT_EQ(refused.status, 403) << request;
        EXPECT_EQ(member(refused.body, "/code"), "https_required") << request;
    }
    EXPECT_EQ(pipeline_.kafka().written(pipeline_.event_topics()), 0);
}

/// However little a client sends at a time, its header has one second in all.
TEST_F(HaproxyTest, a_client_with_a_slow_header_is_cut) {
    Connection connection({"127.0.0.1", http_port_});
    connection.send("POST /v1/track HTTP/1.1\r\nHost: activity.test\r\nX-Drip: ");
    wait_until(
        "the dripping client is cut",
        [&] {
            std::string_view drip = "a";
            return !connection.try_send(drip);
        },
        soon, std::chrono::milliseconds(100));
    // The same behind TLS, where the client sends nothing at all: s_client ends when the connection does.
    Process silent({{"/usr/bin/openssl", "s_client", "-quiet", "-ign_eof", "-connect", local(https_port_)},
                    {},
                    file("s_client.log")});
    EXPECT_TRUE(silent.wait(soon).has_value());
    EXPECT_EQ(track("in-between", {}).response.status, 202);
}

/// A client hears that nothing is confirmed, in the form that it knows, and is served again by itself.
TEST_F(HaproxyTest, no_server_is_a_503_to_be_repeated) {
    ingest_->process().kill();
    const Fetched fetched = track("again", {});
    EXPECT_EQ(fetched.response.status, 503);
    EXPECT_EQ(member(fetched.response.body, "/code"), "not_confirmed");
    EXPECT_FALSE(fetched.response.header("retry-after").empty());
    ingest_.reset();
    start_ingest();
    wait_until("ingest is asked again", [&] { return track("again", {}).response.status == 202; });
}

TEST_F(HaproxyTest, the_log_has_neither_keys_nor_whole_addresses) {
    const std::string key = harness::write_key;
    const std::vector<std::string> from_elsewhere{"--interface", "host!127.0.5.9"};
    fetch("/sourceConfig?writeKey=" + key, from_elsewhere);
    fetch("/v1/projects/" + key + "/settings", from_elsewhere);
    fetch("/v1/receipts/somebodys-message", from_elsewhere);
    track("logged", from_elsewhere);
    // A handshake that fails is logged by another path.
    {
        Connection no_tls({"127.0.0.1", https_port_});
        no_tls.send("GET /health HTTP/1.1\r\n\r\n");
        EXPECT_TRUE(no_tls.ends_within(soon) || !no_tls.unread().empty());
    }
    EXPECT_EQ(haproxy_->stop(SIGUSR1, std::chrono::seconds(60)), (Exit{0, 0}));
    const std::string log = haproxy_->output();
    EXPECT_THAT(log, ::testing::HasSubstr("/v1\\/projects\\/-\\/settings"));
    EXPECT_THAT(log, ::testing::HasSubstr("\"client\":\"127.0.5.0\""));
    for (const std::string& secret : {key, harness::base64(key + ":"), std::string("somebodys-message"),
                                      std::string("127.0.5.9"), std::string("127.0.0.1")})
        EXPECT_THAT(log, ::testing::Not(::testing::HasSubstr(secret)));
    simdjson::dom::parser parser;
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with('{')) continue;  // notices about the start
        simdjson::dom::object entry;
        EXPECT_EQ(parser.parse(line).get(entry), simdjson::SUCCESS) << line;
    }
}

}  // namespace
}  // namespace activity
