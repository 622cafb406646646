#include "core/rollout/nack.h"

namespace ballast {

const char* NackCodeName(NackCode code) {
  switch (code) {
    case NackCode::kBaseMismatch:
      return "BASE_MISMATCH";
    case NackCode::kEpochStale:
      return "EPOCH_STALE";
    case NackCode::kDigestMismatch:
      return "DIGEST_MISMATCH";
    case NackCode::kShapeMismatch:
      return "SHAPE_MISMATCH";
    case NackCode::kModelMismatch:
      return "MODEL_MISMATCH";
    case NackCode::kMembershipMismatch:
      return "MEMBERSHIP_MISMATCH";
    case NackCode::kNoMemory:
      return "NO_MEMORY";
    case NackCode::kWeightSourceMissing:
      return "WEIGHT_SOURCE_MISSING";
    case NackCode::kCopyFailed:
      return "COPY_FAILED";
    case NackCode::kCanaryFailed:
      return "CANARY_FAILED";
    case NackCode::kBusy:
      return "BUSY";
    case NackCode::kUnsupportedMode:
      return "UNSUPPORTED_MODE";
  }
  return "UNKNOWN";
}

}  // namespace ballast
