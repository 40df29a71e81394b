#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "ingest/server/http.h"
#include "ingest/server/request_parser.h"

namespace activity::ingest {

using Clock = std::chrono::steady_clock;

/// One client's connection without its socket: bytes in, requests out; replies in, bytes out; and the time by
/// which something must have happened. One request is in work at a time, so a reply cannot reach another
/// request's client. Not thread-safe: its reactor's.
class Connection {
  public:
    Connection(const ServerLimits& limits, Clock::time_point now);

    /// Whether bytes are wanted: not while a request is in work or a reply is not sent, so that a client's
    /// pipeline waits in the kernel's buffer, which is bounded.
    bool wants_input() const {
        return (state_ == State::reading && output().empty()) || state_ == State::lingering;
    }
    /// Bytes from the client.
    void receive(std::string_view bytes, Clock::time_point now);
    /// The client will send nothing more. It still gets the answer to what it has sent.
    void end_of_input();
    /// The next complete request, if there is one: to be answered with reply(). A protocol error: with
    /// refuse().
    std::variant<std::monostate, Request, ProtocolError> next_request(Clock::time_point now);

    /// Answers the request that next_request() gave out.
    void reply(const Reply& reply, Clock::time_point now);
    /// Answers what cannot be read: the last reply. `headers` are further header lines.
    void refuse(const ProtocolError& error, std::string headers, Clock::time_point now);
    /// What has come of the header of a request that is not complete.
    const Request& seen() const { return parser_.seen(); }
    /// From now on every reply is the last one of its connection; an idle connection ends soon.
    void drain(Clock::time_point now);

    /// What is to be sent, and what has been.
    std::string_view output() const { return std::string_view(output_).substr(output_sent_); }
    void sent(std::size_t bytes, Clock::time_point now);
    /// All is sent and nothing will follow: the write side can be shut down (once).
    bool should_shut_down();

    /// The connection has no more purpose: close it.
    bool finished() const { return state_ == State::finished; }
    /// When it will have taken too long; expire() then.
    Clock::time_point deadline() const { return deadline_; }
    /// The deadline has passed. An error is to be answered with refuse().
    std::optional<ProtocolError> expire();

    bool in_work() const { return state_ == State::in_work; }

  private:
    enum class State {
        reading,    ///< waiting for a request or in the middle of one
        in_work,    ///< a request was given out, its reply is not there yet
        lingering,  ///< the last reply is on its way; what the client still sends is thrown away
        finished,
    };

    bool is_idle() const { return state_ == State::reading && input_.empty() && !parser_.has_header(); }
    void start_waiting(Clock::time_point now);
    void append(const Reply& reply, bool close, Clock::time_point now);

    const ServerLimits& limits_;
    RequestParser parser_;
    State state_ = State::reading;
    std::string input_;  ///< received and not yet parsed
    std::string output_;
    std::size_t output_sent_ = 0;
    Clock::time_point deadline_;
    bool keep_alive_ = true;
    bool is_head_ = false;
    bool draining_ = false;
    bool input_ended_ = false;
    bool shut_down_ = false;
};

}  // namespace activity::ingest
