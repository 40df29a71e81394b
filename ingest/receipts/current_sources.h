#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "ingest/receipts/endpoint.h"
#include "schemas/service/file_stamp.h"
#include "schemas/sources/sources.h"

namespace activity::receipts {

/// The sources as their file has them now, so that a key that is withdrawn is withdrawn here too. The file is
/// looked at with each question: that costs less than the question, and needs no thread. Any thread.
class CurrentSources {
  public:
    CurrentSources(Sources first, std::filesystem::path file);

    /// Nothing if no source has the key.
    std::optional<Asker> find(std::string_view write_key);

  private:
    std::shared_ptr<const Sources> newest();

    const std::filesystem::path file_;
    std::mutex mutex_;  ///< guards the rest
    std::shared_ptr<const Sources> sources_;
    std::optional<service::FileStamp> stamp_;  ///< of what was read last, whether or not it was good
};

}  // namespace activity::receipts
