#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "schemas/activity/event.h"
#include "schemas/catalogue/json_schema.h"

namespace activity {

/// A topic of the catalogue, without the prefix that an installation puts before it.
struct CatalogueTopic {
    std::string name;
    int partitions = 8;
    std::map<std::string, std::string> config;  ///< Kafka's topic options by name
};

/// An activity that is known: which topic it goes to, which schema its properties have.
struct CatalogueActivity {
    std::string id;      ///< `question_asked`: header `schema`, file name, metric label
    std::string name;    ///< `Question Asked`: as a person reads it
    std::string topic;   ///< name of a CatalogueTopic
    std::string schema;  ///< file name of its JSON Schema, beside the catalogue; empty: none
    std::shared_ptr<const JsonSchema> properties;  ///< that schema, compiled; nullptr: none
};

/// Everything wrong with a catalogue, reported together.
class CatalogueError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Which activity goes to which topic. Read once; const afterwards, so any thread may ask.
class Catalogue {
  public:
    /// Throws CatalogueError that names the file, each entry and each rule that it breaks.
    static Catalogue load(const std::filesystem::path& file);
    /// catalogue.toml of the source tree that this was built from.
    static std::filesystem::path default_file();

    /// The activity of an event; nullptr if the catalogue does not know it. A track event's name is matched
    /// without regard to case, blanks, `_` and `-`; other types have an entry each.
    const CatalogueActivity* find(EventType type, std::string_view event_name) const;
    /// The form in which activities' names are compared: lower case, without blanks, `_` and `-`.
    static std::string normalised(std::string_view name);
    /// Where an activity goes that the catalogue does not know.
    const CatalogueTopic& unknown_topic() const;

    const std::vector<CatalogueTopic>& topics() const { return topics_; }
    const std::vector<CatalogueActivity>& activities() const { return activities_; }
    const std::filesystem::path& directory() const { return directory_; }

  private:
    std::filesystem::path directory_;
    std::vector<CatalogueTopic> topics_;
    std::vector<CatalogueActivity> activities_;
    std::unordered_map<std::string, std::size_t> by_name_;
    std::map<EventType, std::size_t> by_type_;
    std::size_t unknown_topic_ = 0;
};

}  // namespace activity
