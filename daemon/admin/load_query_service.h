#ifndef BALLAST_DAEMON_ADMIN_LOAD_QUERY_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_LOAD_QUERY_SERVICE_H_

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "daemon/control/group_directory.h"

namespace ballast {

namespace v1 {
class GetLoadRequest;
class GroupLoad;
}  // namespace v1

// Answers Query.GetLoad for the group that the request means. OutOfRange: no such layer.
// Thread-safe; O(layers * (slots + experts + ranks)).
absl::Status AnswerLoad(const GroupHandle& group, const v1::GetLoadRequest& request, Clock& clock,
                        v1::GroupLoad* answer);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_LOAD_QUERY_SERVICE_H_
