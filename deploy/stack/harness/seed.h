#pragma once

namespace activity::harness {

/// Of a test that makes random events: ACTIVITY_TEST_SEED, else a new one. Prints it, so that a failure can
/// be repeated.
unsigned seed();

}  // namespace activity::harness
