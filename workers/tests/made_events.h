#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "deploy/stack/harness/load.h"
#include "deploy/stack/harness/wait.h"
#include "schemas/activity/json.h"
#include "schemas/activity/timestamp.h"

namespace activity {

/// An event that a test has made up: what a model needs to know of it.
struct MadeEvent {
    std::string message_id;
    std::string learner;
    std::string activity;  ///< the catalogue's ID
    Timestamp at;
    std::string course;   ///< "": none
    std::string problem;  ///< of problem_opened and problem_submitted
    std::string question;
    bool solved = false;
    bool hard = false;
    int clicks = 0;
    std::string page_type;

    std::string properties() const {
        std::string text = "{";
        const auto add = [&](std::string_view name, const std::string& value) {
            if (text.size() > 1) text += ',';
            json::append_string(text, name);
            text += ':' + value;
        };
        const auto quoted = [](const std::string& value) {
            std::string out;
            json::append_string(out, value);
            return out;
        };
        if (!course.empty()) add("courseId", quoted(course));
        if (!problem.empty()) add("problemId", quoted(problem));
        if (!question.empty()) add("questionId", quoted(question));
        if (activity == "problem_submitted") {
            add("solved", solved ? "true" : "false");
            add("difficulty", hard ? "\"hard\"" : "\"easy\"");
        }
        if (activity == "resource_clicked") {
            add("pageType", quoted(page_type));
            add("clicks", std::to_string(clicks));
        }
        return text + "}";
    }

    harness::ClientEvent as_sent() const {
        std::string text = R"({"type":"track","messageId":)";
        json::append_string(text, message_id);
        text += R"(,"userId":)";
        json::append_string(text, learner);
        text += R"(,"event":")" + activity + R"(","timestamp":")" + format_timestamp(at) +
                R"(","properties":)" + properties() + "}";
        return {message_id, text};
    }
};

/// Random events from a seed: few learners, courses and problems, so that they meet often; a third of them
/// late by up to a day, in no order. Every message ID is new.
class EventMaker {
  public:
    explicit EventMaker(unsigned seed) : random_(seed) {}

    MadeEvent make() {
        static const std::vector<std::string> activities{
            "problem_submitted", "problem_submitted",  "problem_opened",
            "question_asked",    "chat_message_sent",  "resource_clicked",
            "resource_clicked",  "store_order_placed", "dashboard_viewed"};
        using std::chrono::seconds;
        MadeEvent event;
        event.message_id = harness::new_message_id();
        event.learner = "learner " + std::to_string(below(60));
        event.activity = activities[below(activities.size())];
        event.at = std::chrono::floor<std::chrono::milliseconds>(
            now() - seconds(below(180)) - (below(3) == 0 ? seconds(below(86'400)) : seconds(0)));
        const bool of_a_course =
            event.activity != "store_order_placed" && event.activity != "dashboard_viewed";
        if (of_a_course && below(10) != 0) event.course = "course " + std::to_string(below(7));
        if (event.activity.starts_with("problem")) event.problem = "problem " + std::to_string(below(25));
        if (event.activity == "problem_submitted") {
            event.solved = below(2) == 0;
            // A problem is hard or not, and belongs to one course.
            const auto number = std::stoul(event.problem.substr(8));
            event.hard = number % 5 == 0;
            event.course = "course " + std::to_string(number % 7);
        }
        if (event.activity == "question_asked") event.question = "question " + std::to_string(below(300));
        if (event.activity == "question_asked")
            event.course = "course " + std::to_string(std::stoul(event.question.substr(9)) % 7);
        if (event.activity == "resource_clicked") {
            event.clicks = 1 + static_cast<int>(below(9));
            event.page_type = "page " + std::to_string(below(4));
        }
        return event;
    }

    std::vector<MadeEvent> make(std::size_t count) {
        std::vector<MadeEvent> events;
        for (std::size_t i = 0; i < count; ++i) events.push_back(make());
        return events;
    }

    std::size_t below(std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
    }

    /// Over HTTP, a tenth of them once more, all in no order.
    void send(const harness::Endpoint& ingest, harness::Ledger& ledger,
              const std::vector<MadeEvent>& events) {
        std::vector<harness::ClientEvent> sent;
        for (const auto& event : events) {
            sent.push_back(event.as_sent());
            if (below(10) == 0) sent.push_back(event.as_sent());
        }
        std::shuffle(sent.begin(), sent.end(), random_);
        harness::Client client(ingest, ledger);
        constexpr std::size_t request_events = 200;
        for (std::size_t from = 0; from < sent.size(); from += request_events) {
            const auto part = std::span(sent).subspan(from, std::min(request_events, sent.size() - from));
            // As an SDK does: the same again until it is taken.
            harness::wait_until("the ingest takes the events", [&] {
                const auto response = client.send(part);
                return response && (response->status == 200 || response->status == 202);
            });
        }
    }

  private:
    std::mt19937 random_;
};

}  // namespace activity
