#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace activity::harness {

/// What a client knows of a message in the end.
enum class Outcome {
    acknowledged,  ///< a 2xx named it as accepted, at least once
    refused,       ///< every attempt was refused for good (a 4xx, or a verdict in a 2xx)
    unknown,       ///< neither: it may be stored or not
};

/// The client's book: each message ID is written down *before* it is sent, then what became of each attempt.
/// Any thread.
class Ledger {
  public:
    void sent(const std::string& message_id);
    /// What became of one attempt.
    void settle(const std::string& message_id, Outcome outcome);
    /// An answer that does not fit what was asked, such as one for somebody else's message.
    void wrong_answer(const std::string& what);

    std::map<std::string, Outcome> outcomes() const;
    std::size_t count(Outcome outcome) const;
    std::size_t size() const;
    /// Attempts over all messages.
    std::size_t attempts() const;
    std::vector<std::string> wrong_answers() const;

  private:
    struct Entry {
        std::size_t attempts = 0, acknowledged = 0, refused = 0;
        Outcome outcome() const;
    };

    mutable std::mutex mutex_;
    std::map<std::string, Entry> entries_;
    std::vector<std::string> wrong_answers_;
};

}  // namespace activity::harness
