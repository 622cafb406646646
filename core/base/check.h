#ifndef BALLAST_CORE_BASE_CHECK_H_
#define BALLAST_CORE_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

// For what only a bug in this process can cause; what the world does is an
// absl::Status. On in all builds: prints the condition and its place, aborts.
#define BALLAST_CHECK(condition)                                                         \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

#endif  // BALLAST_CORE_BASE_CHECK_H_
