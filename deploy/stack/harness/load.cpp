#include "deploy/stack/harness/load.h"

#include <simdjson.h>
#include <array>
#include <chrono>

#include "deploy/stack/harness/wait.h"
#include "schemas/activity/json.h"
#include "schemas/activity/timestamp.h"
#include "schemas/activity/uuid.h"

namespace activity::harness {

using Clock = std::chrono::steady_clock;

namespace {

std::string batch_body(std::span<const ClientEvent> events) {
    std::string body = R"({"batch":[)";
    for (const ClientEvent& event : events) {
        if (body.back() != '[') body += ',';
        body += event.json;
    }
    return body + "]}";
}

}  // namespace

ClientEvent track(const std::string& message_id, const std::string& user_id, const std::string& event,
                  const std::string& properties) {
    std::string text = R"({"type":"track","messageId":)";
    json::append_string(text, message_id);
    text += R"(,"userId":)";
    json::append_string(text, user_id);
    text += R"(,"event":)";
    json::append_string(text, event);
    text += R"(,"timestamp":")" + format_timestamp(now()) + R"(","properties":)" + properties + "}";
    return {message_id, text};
}

ClientEvent deed(const std::string& message_id, const std::string& user_id, std::size_t number,
                 bool one_topic) {
    // What belongs to what is the same for everybody, so that it does not matter who comes first.
    const std::size_t item = number * 7 % 40;
    const auto named = [](const char* name, std::size_t which) {
        return std::string(",\"") + name + "\":\"" + name + " " + std::to_string(which) + '"';
    };
    const std::string course = named("courseId", item % 5);
    std::string event, properties;
    switch (one_topic ? number % 3 : number % 10) {
        case 0:
            event = "Chat Message Sent";
            properties = course + R"(,"text":"Is this O(n log n)?")";
            break;
        case 1:
            event = "Question Asked";
            properties = course + named("lectureId", item % 5) + named("questionId", item);
            break;
        case 2:
            event = "Lecture Joined";
            properties = course + named("lectureId", item % 5);
            break;
        case 3:
            event = "Problem Opened";
            properties = course + named("problemId", item);
            break;
        case 4:
        case 5:
            event = "Problem Submitted";
            properties = course + named("problemId", item) + R"(,"solved":)" +
                         (number % 20 < 10 ? "true" : "false") + R"(,"difficulty":")" +
                         (item % 4 == 0 ? "hard" : "easy") + '"';
            break;
        case 6:
            event = "Resource Clicked";
            properties = course + named("resourceId", item) + named("pageType", item % 3) + R"(,"clicks":)" +
                         std::to_string(1 + number % 5);
            break;
        case 7:
            event = "Device Used";
            properties = R"(,"deviceId":"d","kind":"phone","os":"Android )" + std::to_string(item) + '"';
            break;
        case 8:
            event = "Location Updated";
            properties = R"(,"country":"DE","region":"region )" + std::to_string(item) + '"';
            break;
        default: event = "Store Order Placed"; properties = R"(,"orderId":"o","currency":"EUR","total":1)";
    }
    return track(message_id, user_id, event, R"({"sequence":)" + std::to_string(number) + properties + "}");
}

std::string new_message_id() {
    static std::atomic<unsigned> turn{0};
    const std::string uuid = new_uuid_v7(now());
    const unsigned mine = turn++;
    switch (mine % 3) {
        case 0: return uuid;
        case 1: {
            const auto ms =
                std::chrono::duration_cast<std::chrono::milliseconds>(now().time_since_epoch()).count();
            return "node-next-" + std::to_string(ms) + "-" + uuid;
        }
        default: return "event number " + std::to_string(mine) + " of " + uuid.substr(19);
    }
}

std::string authorization(const std::string& key) {
    return "Basic " + base64(key + ":");
}

std::optional<Response> Client::send(const ClientEvent& event, const std::string& target) {
    return exchange(target, event.json, {&event, 1});
}

std::optional<Response> Client::send(std::span<const ClientEvent> events) {
    return exchange("/v1/batch", batch_body(events), events);
}

void Client::send_and_hang_up(std::span<const ClientEvent> events, std::chrono::milliseconds later) {
    for (const ClientEvent& event : events) ledger_.sent(event.message_id);
    try {
        if (!connection_) connection_.emplace(ingest_);
        connection_->send(request("/v1/batch", batch_body(events)));
        std::this_thread::sleep_for(later);
        connection_->reset();
    } catch (const ConnectionLost&) {
        // It was lost before we could lose it.
    }
    connection_.reset();
}

std::string Client::request(const std::string& target, const std::string& body) const {
    return http_request("POST", target, body,
                        {{"Authorization", authorization(key_)}, {"Content-Type", "application/json"}});
}

std::optional<Response> Client::exchange(const std::string& target, const std::string& body,
                                         std::span<const ClientEvent> events) {
    for (const ClientEvent& event : events) ledger_.sent(event.message_id);
    try {
        if (!connection_) connection_.emplace(ingest_);
        connection_->send(request(target, body));
        const Response response = connection_->receive();
        settle(response, events);
        if (response.header("connection") == "close") connection_.reset();
        return response;
    } catch (const ConnectionLost&) {
        connection_.reset();
        return std::nullopt;
    } catch (const WaitedInVain& error) {
        ledger_.wrong_answer(error.what());
        connection_.reset();
        return std::nullopt;
    }
}

void Client::settle(const Response& response, std::span<const ClientEvent> events) {
    if (response.status == 503 || response.status == 429) return;
    if (response.status >= 400 && response.status < 500) {
        for (const ClientEvent& event : events) ledger_.settle(event.message_id, Outcome::refused);
        return;
    }
    simdjson::dom::parser parser;
    simdjson::dom::array results;
    if (response.status != 202 || parser.parse(response.body)["results"].get(results) ||
        results.size() != events.size()) {
        ledger_.wrong_answer("status " + std::to_string(response.status) + ": " +
                             response.body.substr(0, 500));
        return;
    }
    std::size_t i = 0;
    for (const auto result : results) {
        const ClientEvent& event = events[i++];
        std::string_view message_id, status;
        if (result["messageId"].get(message_id) || message_id != event.message_id ||
            result["status"].get(status)) {
            ledger_.wrong_answer("asked for " + event.message_id + ", got " + simdjson::minify(result));
            continue;
        }
        ledger_.settle(event.message_id, status == "accepted" ? Outcome::acknowledged : Outcome::refused);
    }
}

Load::Load(const Endpoint& ingest, Ledger& ledger, const LoadSettings& settings)
    : ingest_(ingest), ledger_(ledger), settings_(settings) {
    for (int number = 0; number < settings_.connections; ++number)
        threads_.emplace_back([this, number] { client(number); });
}

Load::~Load() {
    stop();
}

void Load::stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void Load::client(int number) {
    Client client(ingest_, ledger_);
    std::vector<std::size_t> sequences(static_cast<std::size_t>(settings_.users_per_connection));
    const auto interval =
        std::chrono::nanoseconds(std::chrono::seconds(settings_.connections)) / settings_.requests_per_second;
    // An open loop: after a stall it does not hurry to make up for it, but it does not slow down either.
    auto next = Clock::now();
    std::size_t turn = 0;
    while (!stopping_) {
        std::vector<ClientEvent> events;
        for (int i = 0; i < settings_.events_per_request; ++i) {
            const std::size_t user = turn++ % sequences.size();
            events.push_back(deed(new_message_id(),
                                  "learner-" + std::to_string(number) + "-" + std::to_string(user),
                                  sequences[user]++, settings_.one_topic));
        }
        for (;;) {
            const auto response = events.size() == 1 ? client.send(events.front()) : client.send(events);
            const bool acknowledged = response && response->status == 202;
            // Without a server this loop would spin.
            if (!acknowledged) std::this_thread::sleep_for(std::chrono::milliseconds(20));
            if (acknowledged || !settings_.repeat_until_acknowledged || stopping_) break;
        }
        next = std::max(next + interval, Clock::now() - std::chrono::milliseconds(100));
        std::this_thread::sleep_until(next);
    }
}

}  // namespace activity::harness
