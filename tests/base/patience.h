#ifndef BALLAST_TESTS_BASE_PATIENCE_H_
#define BALLAST_TESTS_BASE_PATIENCE_H_

#include <cstdlib>

#include "absl/time/time.h"

namespace ballast {

// How long a test waits for what must come at last: `time` of the release build, longer by
// BALLAST_TEST_TIME_FACTOR, which ctest sets as the preset says (a sanitizer takes its time).
inline absl::Duration Patience(absl::Duration time) {
  const char* const factor = std::getenv("BALLAST_TEST_TIME_FACTOR");
  return factor == nullptr ? time : time * std::atoi(factor);
}

}  // namespace ballast

#endif  // BALLAST_TESTS_BASE_PATIENCE_H_
