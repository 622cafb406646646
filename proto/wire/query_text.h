#ifndef BALLAST_PROTO_WIRE_QUERY_TEXT_H_
#define BALLAST_PROTO_WIRE_QUERY_TEXT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "ballast/v1/query.pb.h"

namespace ballast {

// How people write what a query asks for, on a command line and in a URL alike.

// "7.42" = term 7, sequence 42, or "initial", which is 0.0. InvalidArgument: the text is
// nothing of the kind; `version` is left as it was.
absl::Status ParsePlanVersion(absl::string_view text, v1::PlanVersion* version);

// Adds "row3", "rank17", "rank17-19" or "row0-1", several with commas between, to the request.
// InvalidArgument, naming the part that is none of these; earlier parts are added.
absl::Status ParseLoss(absl::string_view text, v1::GetCoverageRequest* request);

}  // namespace ballast

#endif  // BALLAST_PROTO_WIRE_QUERY_TEXT_H_
