#include "schemas/catalogue/catalogue.h"

#include <toml++/toml.h>
#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "schemas/activity/json.h"

namespace activity {
namespace {

/// Kafka's rule for topics, less the dot that separates the prefix.
bool is_topic_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), allowed);
}

bool is_id(std::string_view id) {
    const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), allowed);
}

/// Reads one catalogue and collects what is wrong with it.
class CatalogueFile {
  public:
    explicit CatalogueFile(std::filesystem::path file) : file_(std::move(file)) {}

    toml::table parse() {
        try {
            return toml::parse_file(file_.string());
        } catch (const toml::parse_error& error) {
            std::ostringstream text;
            text << file_.string() << ": " << error.description() << " (line " << error.source().begin.line
                 << ")";
            throw CatalogueError(text.str());
        }
    }

    void mistake(const std::string& place, const std::string& rule) {
        mistakes_ += file_.string() + ": " + place + ": " + rule + "\n";
    }

    std::string text(const toml::table& table, const char* name, const std::string& place, bool required) {
        const auto* node = table.get(name);
        if (node == nullptr) {
            if (required) mistake(place, std::string(name) + " is missing");
            return {};
        }
        if (const auto value = node->value<std::string>(); value && !value->empty()) return *value;
        mistake(place, std::string(name) + " must be a string that is not empty");
        return {};
    }

    void refuse_unknown(const toml::table& table, const std::string& place,
                        const std::set<std::string_view>& known) {
        for (const auto& [key, value] : table) {
            if (!known.contains(key.str()))
                mistake(place, std::string(key.str()) + " is no member known here");
        }
    }

    void finish() const {
        if (!mistakes_.empty()) throw CatalogueError(mistakes_.substr(0, mistakes_.size() - 1));
    }

  private:
    std::filesystem::path file_;
    std::string mistakes_;
};

CatalogueTopic read_topic(CatalogueFile& file, const toml::table& table, const std::string& place) {
    file.refuse_unknown(table, place, {"name", "partitions", "config"});
    CatalogueTopic topic;
    topic.name = file.text(table, "name", place, true);
    if (!topic.name.empty() && !is_topic_name(topic.name)) {
        file.mistake(place, "name must be 1 to 100 of a-z, 0-9, - and _");
    }
    if (const auto* node = table.get("partitions")) {
        const auto partitions = node->value<std::int64_t>();
        if (!partitions || *partitions < 1 || *partitions > 10'000) {
            file.mistake(place, "partitions must be a whole number from 1 to 10000");
        } else {
            topic.partitions = static_cast<int>(*partitions);
        }
    }
    if (const auto* node = table.get("config")) {
        if (!node->is_table()) file.mistake(place, "config must be a table of Kafka's topic options");
        for (const auto& [key, value] : node->is_table() ? *node->as_table() : toml::table{}) {
            if (const auto option = value.value<std::string>()) {
                topic.config.emplace(key.str(), *option);
            } else {
                file.mistake(place, "config: " + std::string(key.str()) + " must be a string");
            }
        }
    }
    return topic;
}

std::shared_ptr<const JsonSchema> read_schema(CatalogueFile& file, const std::filesystem::path& schema,
                                              const std::string& place) {
    std::ifstream in(schema);
    if (!in) {
        file.mistake(place, "schema: there is no file " + schema.string());
        return nullptr;
    }
    std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    json::Reader reader;
    const auto document = reader.read(text);
    if (const auto* rejection = std::get_if<Rejection>(&document)) {
        file.mistake(place, "schema: " + schema.string() + " is not JSON: " + rejection->message);
        return nullptr;
    }
    try {
        return std::make_shared<const JsonSchema>(std::get<json::Element>(document));
    } catch (const JsonSchemaError& error) {
        file.mistake(place, "schema: " + schema.string() + ": " + error.what());
        return nullptr;
    }
}

template <typename Visit>
void for_each_table(CatalogueFile& file, const toml::table& root, const char* name, Visit visit) {
    const auto* node = root.get(name);
    if (node == nullptr || !node->is_array_of_tables()) {
        file.mistake(name, "there must be at least one [[" + std::string(name) + "]]");
        return;
    }
    std::size_t index = 0;
    for (const auto& entry : *node->as_array()) {
        visit(*entry.as_table(), std::string(name) + " " + std::to_string(++index));
    }
}

}  // namespace

Catalogue Catalogue::load(const std::filesystem::path& path) {
    CatalogueFile file(path);
    const toml::table root = file.parse();
    file.refuse_unknown(root, "top level", {"unknown_topic", "topic", "activity"});

    Catalogue catalogue;
    catalogue.directory_ = path.parent_path();

    std::map<std::string, std::size_t, std::less<>> topics;
    for_each_table(file, root, "topic", [&](const toml::table& table, const std::string& place) {
        CatalogueTopic topic = read_topic(file, table, place);
        if (!topics.emplace(topic.name, catalogue.topics_.size()).second) {
            file.mistake(place, "there is another topic named " + topic.name);
        }
        catalogue.topics_.push_back(std::move(topic));
    });

    std::set<std::string> ids;
    for_each_table(file, root, "activity", [&](const toml::table& table, const std::string& number) {
        file.refuse_unknown(table, number, {"id", "name", "topic", "schema", "type"});
        CatalogueActivity activity;
        activity.id = file.text(table, "id", number, true);
        const std::string place = activity.id.empty() ? number : "activity " + activity.id;
        activity.name = file.text(table, "name", place, true);
        activity.topic = file.text(table, "topic", place, true);
        activity.schema = file.text(table, "schema", place, false);
        const std::string type_name = file.text(table, "type", place, false);

        if (!activity.id.empty() && !is_id(activity.id))
            file.mistake(place, "id must be 1 to 64 of a-z, 0-9 and _");
        if (!ids.insert(activity.id).second) file.mistake(place, "there is another activity of this id");
        if (!activity.topic.empty() && !topics.contains(activity.topic)) {
            file.mistake(place, "topic: there is no [[topic]] named " + activity.topic);
        }
        if (!activity.schema.empty())
            activity.properties = read_schema(file, catalogue.directory_ / activity.schema, place);

        const std::size_t index = catalogue.activities_.size();
        if (!catalogue.by_name_.emplace(normalised(activity.name), index).second) {
            file.mistake(place, "name: another activity has the same name but for case, blanks, _ and -");
        }
        if (!type_name.empty()) {
            const auto type = event_type(type_name);
            if (!type || *type == EventType::track) {
                file.mistake(place, "type must be one of page, screen, identify, group, alias, merge");
            } else if (!catalogue.by_type_.emplace(*type, index).second) {
                file.mistake(place, "type: another activity has it");
            }
        }
        catalogue.activities_.push_back(std::move(activity));
    });

    for (const EventType type : {EventType::page, EventType::screen, EventType::identify, EventType::group,
                                 EventType::alias, EventType::merge}) {
        if (!catalogue.by_type_.contains(type)) {
            file.mistake("activity", "none has type = \"" + std::string(to_string(type)) + "\"");
        }
    }
    const std::string unknown = file.text(root, "unknown_topic", "top level", true);
    if (const auto found = topics.find(unknown); found != topics.end()) {
        catalogue.unknown_topic_ = found->second;
    } else if (!unknown.empty()) {
        file.mistake("top level", "unknown_topic: there is no [[topic]] named " + unknown);
    }
    file.finish();
    return catalogue;
}

// Two web apps that spell an activity differently share a topic.
std::string Catalogue::normalised(std::string_view name) {
    std::string out;
    out.reserve(name.size());
    for (const char c : name) {
        if (c == ' ' || c == '_' || c == '-') continue;
        out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

std::filesystem::path Catalogue::default_file() {
    return ACTIVITY_CATALOGUE_DEFAULT;
}

const CatalogueActivity* Catalogue::find(EventType type, std::string_view event_name) const {
    if (type != EventType::track) return &activities_[by_type_.at(type)];
    const auto found = by_name_.find(normalised(event_name));
    return found == by_name_.end() ? nullptr : &activities_[found->second];
}

const CatalogueTopic& Catalogue::unknown_topic() const {
    return topics_[unknown_topic_];
}

}  // namespace activity
