#pragma once

#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/stack/harness/load.h"
#include "schemas/activity/timestamp.h"
#include "workers/tests/model.h"

namespace activity::testing_workers {

/// An event as a client sends it, and what the model has to know of it.
struct RandomEvent {
    ModelEvent model;
    harness::ClientEvent sent;
};

/// Random events of every kind that a group cares about, from a seed: few learners, courses and problems, so
/// that they meet often; times in no order, up to 29 days late and some ahead, many of them half an hour from
/// another one to the millisecond. What a problem, a question, … is (its course, whether it is hard) is
/// the same for all makers. Every message ID is new. One thread.
class RandomEvents {
  public:
    explicit RandomEvents(unsigned seed) : random_(seed) {}

    RandomEvent make(const std::string& source);

    /// 0 to end - 1
    std::size_t below(std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
    }
    bool chance(double share) { return std::bernoulli_distribution(share)(random_); }
    std::mt19937& engine() { return random_; }

  private:
    /// What is written into the JSON of an event.
    struct Members {
        std::string properties, context;
    };

    void name_learner(ModelEvent& event);
    Timestamp time_of(const std::string& learner);
    void fill(ModelEvent& event, Members& members);
    void add_item(ModelEvent& event, Members& members, std::string_view name, std::size_t items);
    void add_course(ModelEvent& event, Members& members, const std::string& course);
    void add_device(ModelEvent& event, Members& members);
    void add_place(ModelEvent& event, Members& members);
    void add_clicks(ModelEvent& event, Members& members);
    std::string spelled(const std::string& activity);
    std::string pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

    std::mt19937 random_;
    std::map<std::string, std::vector<Timestamp>> times_;
};

}  // namespace activity::testing_workers
