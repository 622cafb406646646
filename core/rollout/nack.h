#ifndef BALLAST_CORE_ROLLOUT_NACK_H_
#define BALLAST_CORE_ROLLOUT_NACK_H_

#include <string>

namespace ballast {

// Why a worker refuses a plan. Same order and names as ballast.v1.NackCode.
enum class NackCode {
  kBaseMismatch,         // The plan builds on one that this worker does not run.
  kEpochStale,           // From a daemon older than one seen before.
  kDigestMismatch,       // The received plan does not have the digest it is named by.
  kShapeMismatch,        // Layers, experts or slots differ from the worker's.
  kModelMismatch,        // Other model fingerprint or expert size.
  kMembershipMismatch,   // Made for another set of ranks.
  kNoMemory,             // The loader lacks memory for the new weights.
  kWeightSourceMissing,  // No live copy of an expert to load from.
  kCopyFailed,           // Loading failed.
  kCanaryFailed,         // Loaded weights failed the check.
  kBusy,                 // Another plan is still being loaded or switched.
  kUnsupportedMode,      // Activation mode not offered by this worker.
};
inline constexpr int kNumNackCodes = 12;

const char* NackCodeName(NackCode code);  // "BASE_MISMATCH", ...

// `detail` names the values: "plan has 48 slots, worker has 40".
struct Nack {
  NackCode code = NackCode::kBusy;
  std::string detail;
};

}  // namespace ballast

#endif  // BALLAST_CORE_ROLLOUT_NACK_H_
