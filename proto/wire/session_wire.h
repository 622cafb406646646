#ifndef BALLAST_PROTO_WIRE_SESSION_WIRE_H_
#define BALLAST_PROTO_WIRE_SESSION_WIRE_H_

// What a worker and the daemon say to each other in a placement session, as domain
// types, <-> messages of ballast.v1. Rules as in placement_wire.h. Pure functions,
// thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "ballast/v1/placement.pb.h"
#include "core/base/ids.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/rollout/coordinator.h"
#include "core/rollout/nack.h"

namespace ballast {

// The protocol of this release, both ends.
inline constexpr std::uint32_t kProtocolVersion = 1;

// How a worker can be brought to switch. Same order and values as the message.
enum class ActivationMode { kInBand = 1, kMakeBeforeBreak = 2, kBarrier = 3, kRestart = 4 };

// First message of a session: who the worker is, what it runs, and what it was
// configured with, so that the daemon can compare.
struct WorkerHello {
  std::string ep_group;
  RankHello state;  // Rank, incarnation, active and held plan, highest term seen.
  ModelShape shape;
  RowId row;
  double relative_speed = 1.0;  // Finite, > 0. On the wire 0 counts as 1.
  int num_slots = 0;            // Per layer on this rank.
  int spare_slots = 0;          // Further slots that only loading uses.
  int counter_bits = 64;        // 32 or 64.
  int world_size = 0;           // Ranks of the EP group.
  std::uint64_t membership_gen = 0;
  std::uint64_t model_fingerprint = 0;  // 0: unknown.
  std::uint64_t topology_fingerprint = 0;
  std::vector<ActivationMode> modes;
  std::string client_version;
  std::uint32_t protocol_min = kProtocolVersion;
  std::uint32_t protocol_max = kProtocolVersion;
};

void EncodeHello(const WorkerHello& hello, v1::Hello* message);
// InvalidArgument if a field is out of its range: rank in [0, world_size), world_size in
// [1, kMaxRanks], incarnation not 0, known modes (at most 16), names up to 256 bytes ...
// Whether it matches the configured EP group is for the caller.
absl::StatusOr<WorkerHello> DecodeHello(const v1::Hello& message);

// Same order and values as ballast.v1.WorkerPhase.
enum class WorkerPhase {
  kReceived = 1,
  kPrepared = 2,
  kHeld = 3,
  kActive = 4,
  kRetired = 5,
  kNack = 6,
  kAborted = 7
};

// A worker's answer to the order with this nonce, or progress on it.
struct WorkerAnswer {
  std::uint64_t nonce = 0;
  PlanId plan;
  WorkerPhase phase = WorkerPhase::kReceived;
  std::uint64_t progress_bytes = 0;
  std::uint64_t step = 0;    // kActive: since which step.
  std::optional<Nack> nack;  // Present exactly with kNack.
};

void EncodeAnswer(const WorkerAnswer& answer, v1::Status* message);
absl::StatusOr<WorkerAnswer> DecodeAnswer(const v1::Status& message);

struct WorkerHeartbeat {
  std::uint64_t step = 0;
  PlanId active;
  std::uint64_t digest_disagreements = 0;
};

void EncodeHeartbeat(const WorkerHeartbeat& heartbeat, v1::Heartbeat* message);
absl::StatusOr<WorkerHeartbeat> DecodeHeartbeat(const v1::Heartbeat& message);

struct DaemonWelcome {
  std::uint64_t term = 0;
  std::uint32_t protocol = kProtocolVersion;
  std::string daemon_id;
  absl::Duration heartbeat_period;  // 0: the worker's default. At most 1 h.
  absl::Duration report_period;     // As above.
};

void EncodeWelcome(const DaemonWelcome& welcome, v1::Welcome* message);
absl::StatusOr<DaemonWelcome> DecodeWelcome(const v1::Welcome& message);

// Load a plan.
struct PrepareOrder {
  std::uint64_t nonce = 0;
  std::uint64_t term = 0;
  PlanId plan;
  PlanId base;
  // An error here is a reason for a nack, whereas an error of DecodePrepare() means
  // that there is nothing to answer to. Its version is that of `plan`.
  absl::StatusOr<PlacementPlan> placement = PlacementPlan{};
  absl::Duration deadline_hint;
  std::uint64_t membership_gen = 0;
  bool peers_run_plan = false;  // The other ranks serve `plan` already.
};

// `order.placement` must be ok.
void EncodePrepare(const PrepareOrder& order, v1::Prepare* message);
// All fields but the placement, which is not looked at.
void EncodePrepareFields(const PrepareOrder& order, v1::Prepare* message);
absl::StatusOr<PrepareOrder> DecodePrepare(const v1::Prepare& message);

// Commit, abort or retire a plan.
struct PlanOrder {
  std::uint64_t nonce = 0;
  std::uint64_t term = 0;
  PlanId plan;
  std::string reason;  // Abort only.
};

void EncodeCommit(const PlanOrder& order, v1::Commit* message);
void EncodeAbort(const PlanOrder& order, v1::Abort* message);
void EncodeRetire(const PlanOrder& order, v1::Retire* message);
absl::StatusOr<PlanOrder> DecodeCommit(const v1::Commit& message);
absl::StatusOr<PlanOrder> DecodeAbort(const v1::Abort& message);
absl::StatusOr<PlanOrder> DecodeRetire(const v1::Retire& message);

// What holds from now on.
struct DaemonBookmark {
  PlanId decided;
  std::uint64_t term = 0;
  std::uint64_t membership_gen = 0;
};

void EncodeBookmark(const DaemonBookmark& bookmark, v1::Bookmark* message);
absl::StatusOr<DaemonBookmark> DecodeBookmark(const v1::Bookmark& message);

// Why a worker leaves. InvalidArgument above 256 bytes.
absl::StatusOr<std::string> DecodeGoodbye(const v1::Goodbye& message);

// The daemon ends the session.
struct DaemonGoAway {
  std::string reason;
  absl::Duration retry_after;  // At most 1 h.
  std::string leader_hint;     // Address; empty: unknown.
  bool for_good = false;       // Do not come back: the goodbye is stored.
};

void EncodeGoAway(const DaemonGoAway& go_away, v1::GoAway* message);
absl::StatusOr<DaemonGoAway> DecodeGoAway(const v1::GoAway& message);

}  // namespace ballast

#endif  // BALLAST_PROTO_WIRE_SESSION_WIRE_H_
