#ifndef BALLAST_CORE_BASE_STATUS_MACROS_H_
#define BALLAST_CORE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define BALLAST_STATUS_CONCAT_INNER(a, b) a##b
#define BALLAST_STATUS_CONCAT(a, b) BALLAST_STATUS_CONCAT_INNER(a, b)

// Returns the status of `expression` from the enclosing function unless it is Ok.
#define BALLAST_RETURN_IF_ERROR(expression)                  \
  do {                                                       \
    if (absl::Status status_macro = (expression);            \
        !status_macro.ok()) [[unlikely]] {                   \
      return status_macro;                                   \
    }                                                        \
  } while (false)

// Declares or assigns `target` from a StatusOr, or returns its status.
#define BALLAST_ASSIGN_OR_RETURN(target, expression) \
  BALLAST_ASSIGN_OR_RETURN_IMPL(BALLAST_STATUS_CONCAT(status_or_, __LINE__), target, expression)

#define BALLAST_ASSIGN_OR_RETURN_IMPL(result, target, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) [[unlikely]] return result.status();          \
  target = std::move(result).value()

#endif  // BALLAST_CORE_BASE_STATUS_MACROS_H_
