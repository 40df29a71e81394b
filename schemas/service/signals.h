#pragma once

namespace activity::service {

/// Blocks SIGTERM and SIGINT in this thread and all that it starts, and ignores SIGPIPE. Call first in main.
void block_termination_signals();
/// Waits for SIGTERM or SIGINT and returns its number.
int wait_for_termination();

}  // namespace activity::service
