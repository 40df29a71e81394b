#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "deploy/activityctl/database.h"

namespace activity::ctl {

/// Whom a command is about: a user of a source, and devices under which the same person was seen without a
/// user.
struct Learner {
    std::string source;
    std::string user;
    std::vector<std::string> anonymous;

    /// User and anonymous IDs, each once. Events are their learner's by one of these.
    std::vector<std::string> ids() const;

    struct Key {
        std::string record_key;   ///< `<source>/<id>`
        std::string learner_key;  ///< as PostgreSQL writes a uuid
    };
    /// In the order of ids().
    std::vector<Key> keys() const;

    std::string text() const;  ///< `user u1 of web, and the anonymous IDs a1, a2`
};

/// --source, --user, --anonymous.
void add_learner(CLI::App& command, Learner& learner);

/// The condition on activity.event, with $1 = source and $2 = ids as text[].
inline constexpr const char* event_of_learner =
    "source = $1 AND coalesce(user_id, anonymous_id) = ANY ($2::text[])";
std::vector<Value> event_parameters(const Learner& learner);
/// `{"…"}`: the learner keys as uuid[].
std::string key_array(const Learner& learner);

/// Tables that activity.event is made of, newest days first.
std::vector<std::string> event_partitions(Database& database);

}  // namespace activity::ctl
