#include "ingest/server/connection.h"

#include <cassert>

namespace activity::ingest {
namespace {

/// An idle connection that a server which is shutting down still keeps, for a request that is on its way.
constexpr std::chrono::milliseconds drain_idle_timeout{1'000};
/// An idle connection keeps no buffer larger than this.
constexpr std::size_t idle_buffer_bytes_max = 4 * 1024;

}  // namespace

Connection::Connection(const ServerLimits& limits, Clock::time_point now)
    : limits_(limits), parser_(limits), deadline_(now + limits.header_timeout) {}

void Connection::receive(std::string_view bytes, Clock::time_point now) {
    if (state_ != State::reading) return;  // lingering: thrown away
    if (is_idle()) deadline_ = now + (draining_ ? drain_idle_timeout : limits_.header_timeout);
    input_.append(bytes);
}

void Connection::end_of_input() {
    input_ended_ = true;
    keep_alive_ = false;
    if (state_ == State::reading || (state_ == State::lingering && output().empty()))
        state_ = State::finished;
}

std::variant<std::monostate, Request, ProtocolError> Connection::next_request(Clock::time_point now) {
    if (state_ != State::reading || input_.empty()) return {};
    const bool had_header = parser_.has_header();
    const RequestParser::Progress progress = parser_.put(input_);
    input_.erase(0, progress.used);
    if (progress.error) return *progress.error;
    if (parser_.has_header() && !had_header) deadline_ = now + limits_.body_timeout;
    if (progress.wants_continue) output_ += "HTTP/1.1 100 Continue\r\n\r\n";
    if (!progress.complete) return {};

    keep_alive_ = parser_.keep_alive() && !input_ended_;
    Request request = parser_.take();
    is_head_ = request.method == Method::head;
    state_ = State::in_work;
    deadline_ = Clock::time_point::max();  // whoever works on it has a deadline of its own
    return request;
}

void Connection::reply(const Reply& reply, Clock::time_point now) {
    assert(state_ == State::in_work);
    append(reply, reply.close || !keep_alive_ || draining_, now);
}

void Connection::append(const Reply& reply, bool close, Clock::time_point now) {
    append_reply(output_, reply, close, is_head_);
    deadline_ = now + limits_.write_timeout;
    state_ = close ? State::lingering : State::reading;
}

void Connection::refuse(const ProtocolError& error, std::string headers, Clock::time_point now) {
    is_head_ = false;
    input_.clear();
    Reply reply = problem(error.status, error.code, error.message);
    reply.headers = std::move(headers);
    append(reply, true, now);
}

void Connection::drain(Clock::time_point now) {
    draining_ = true;
    if (is_idle() && output().empty()) deadline_ = std::min(deadline_, now + drain_idle_timeout);
}

void Connection::sent(std::size_t bytes, Clock::time_point now) {
    output_sent_ += bytes;
    if (output_sent_ < output_.size()) return;
    output_.clear();
    output_sent_ = 0;
    if (output_.capacity() > idle_buffer_bytes_max) output_.shrink_to_fit();
    if (state_ == State::lingering) {
        deadline_ = now + limits_.linger_timeout;
        if (input_ended_) state_ = State::finished;
    } else if (state_ == State::reading) {
        start_waiting(now);
    }
}

void Connection::start_waiting(Clock::time_point now) {
    if (parser_.has_header()) return;  // a 100 Continue was sent: the body's deadline stands
    if (!input_.empty()) {
        deadline_ = now + limits_.header_timeout;
        return;
    }
    if (input_.capacity() > idle_buffer_bytes_max) input_.shrink_to_fit();
    deadline_ = now + (draining_ ? drain_idle_timeout : limits_.idle_timeout);
}

bool Connection::should_shut_down() {
    if (state_ != State::lingering || !output().empty() || shut_down_) return false;
    shut_down_ = true;
    return true;
}

std::optional<ProtocolError> Connection::expire() {
    const bool unsent = !output().empty();
    if (state_ == State::reading && !is_idle() && !unsent)
        return ProtocolError{408, "request_timeout", "the request did not arrive in time"};
    state_ = State::finished;
    return std::nullopt;
}

}  // namespace activity::ingest
