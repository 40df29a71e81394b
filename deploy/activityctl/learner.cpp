#include "deploy/activityctl/learner.h"

#include <algorithm>

#include "deploy/activityctl/table.h"
#include "schemas/activity/learner_key.h"

namespace activity::ctl {

std::vector<std::string> Learner::ids() const {
    std::vector<std::string> ids{user};
    for (const auto& id : anonymous) {
        if (std::ranges::count(ids, id) == 0) ids.push_back(id);
    }
    return ids;
}

std::vector<Learner::Key> Learner::keys() const {
    std::vector<Key> keys;
    for (const auto& id : ids()) {
        auto record_key = source + "/" + id;
        auto learner = learner_key(record_key).text();
        keys.push_back({std::move(record_key), std::move(learner)});
    }
    return keys;
}

std::string Learner::text() const {
    std::string text = "user " + printable(user) + " of " + printable(source);
    if (anonymous.empty()) return text;
    text += anonymous.size() == 1 ? ", and the anonymous ID " : ", and the anonymous IDs ";
    for (std::size_t i = 0; i < anonymous.size(); ++i) text += (i == 0 ? "" : ", ") + printable(anonymous[i]);
    return text;
}

void add_learner(CLI::App& command, Learner& learner) {
    command.add_option("--source", learner.source, "Name of the source that knows the learner")->required();
    command.add_option("--user", learner.user, "The learner's user ID")->required();
    command
        .add_option(
            "--anonymous", learner.anonymous,
            "An anonymous ID under which the same person was seen before signing in; may be given again")
        ->take_all();
}

std::vector<Value> event_parameters(const Learner& learner) {
    return {learner.source, array_text(learner.ids())};
}

std::string key_array(const Learner& learner) {
    std::vector<std::string> keys;
    for (const auto& key : learner.keys()) keys.push_back(key.learner_key);
    return array_text(keys);
}

std::vector<std::string> event_partitions(Database& database) {
    std::vector<std::string> partitions;
    for (const auto& row :
         database.query("SELECT format('%I.%I', n.nspname, c.relname) FROM pg_inherits AS i "
                        "JOIN pg_class AS c ON c.oid = i.inhrelid "
                        "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
                        "WHERE i.inhparent = 'activity.event'::regclass ORDER BY c.relname DESC")) {
        partitions.push_back(row[0].value());
    }
    return partitions;
}

}  // namespace activity::ctl
