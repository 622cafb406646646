#ifndef BALLAST_DAEMON_ADMIN_LOAD_QUERY_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_LOAD_QUERY_SERVICE_H_

#include "absl/status/status.h"
#include "daemon/admin/query_service.h"

namespace ballast {

namespace v1 {
class GetLoadRequest;
class GroupLoad;
}  // namespace v1

// Answers Query.GetLoad. Errors: those of ChooseGroup(); OutOfRange: no such layer.
// Thread-safe; O(layers * (slots + experts + ranks)).
absl::Status AnswerLoad(const QueryServiceParts& parts, const v1::GetLoadRequest& request,
                        v1::GroupLoad* answer);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_LOAD_QUERY_SERVICE_H_
