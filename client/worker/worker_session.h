#ifndef BALLAST_CLIENT_WORKER_WORKER_SESSION_H_
#define BALLAST_CLIENT_WORKER_WORKER_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/worker/weight_loader.h"
#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/load/load_report.h"
#include "core/model/model_shape.h"
#include "core/model/placement_plan.h"
#include "core/model/topology.h"
#include "core/rollout/participant.h"
#include "core/rollout/vote.h"
#include "core/routing/load_counters.h"
#include "core/routing/replica_router.h"

namespace grpc {
class ChannelCredentials;
}

namespace ballast {

class SwitchPoint;

struct WorkerEvent {
  enum class Kind {
    kConnected,         // A daemon accepted the session.
    kDisconnected,      // It ended, or could not be made; it is tried again.
    kHelloRefused,      // The daemon's configuration does not match this worker.
    kStaleDaemon,       // The daemon is older than one seen before; it is not obeyed.
    kMalformedMessage,  // A message could not be read; the session was closed.
    kPlanReceived,
    kPlanPrepared,
    kPlanHeld,
    kPlanActivated,
    kPlanDropped,
    kPlanNacked,
    kDigestDisagreement,  // Ranks are ready for different plans; nobody switched.
    kReportRejected,      // The daemon did not take a load report.
    kLeft,                // The daemon has taken the goodbye of Leave().
  };
  Kind kind = Kind::kConnected;
  PlanId plan;         // Where the event is about one.
  std::string detail;  // In words, with the values.
};
const char* WorkerEventName(WorkerEvent::Kind kind);  // "connected", "plan_activated", ...

struct WorkerOptions {
  std::string daemon_address = "127.0.0.1:7441";
  std::string ep_group = "default";  // 1 .. 256 bytes.
  RankId rank;                       // Own rank in the topology.
  ModelShape shape;
  RouterOptions router;
  // What is served before a daemon is met; absent: InitialPlan(). A worker that rejoins
  // running ranks must begin with the plan that they serve.
  std::optional<PlacementPlan> start_plan;
  // Slots per layer that only loading uses. A plan that needs more is refused with
  // NO_MEMORY at once. 0: unknown, the loader decides.
  int spare_slots = 0;
  // What the engine counts: picks received per local slot, or picks sent per expert. The
  // second is 100 times larger and tells the demand of each row. One form in a group.
  ReportForm report_form = ReportForm::kSlot;
  int counter_bits = 64;                // Of the counts on the wire: 32 halves them. 32 or 64.
  bool padding_excluded = true;         // The engine counts no padding and warm-up tokens.
  std::uint64_t model_fingerprint = 0;  // 0: unknown.
  std::uint64_t membership_gen = 0;     // At first; the daemon tells of newer ones.
  // Called on the session's own thread, one at a time, without a lock held, perhaps before
  // Create() has returned. It must not destroy the session.
  std::function<void(const WorkerEvent&)> on_event;

  // Null: insecure. The object comes from the gRPC that the session links.
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  absl::Duration reconnect_base = absl::Milliseconds(100);  // Doubles up to the cap; the
  absl::Duration reconnect_cap = absl::Seconds(5);          // wait is uniform in (0, that).
  // Until the daemon says otherwise.
  absl::Duration heartbeat_period = absl::Seconds(1);
  absl::Duration report_period = absl::Seconds(1);
  // A daemon that accepts the stream and then says nothing is left after this time.
  absl::Duration welcome_timeout = absl::Seconds(10);
  std::uint64_t seed = 0;  // Of jitter and incarnation; 0: RandomSeed(). Else tests only.
  Clock* clock = nullptr;  // Null: RealClock().
};

// Columns of the counters and of each report: local slots, or experts. `options.rank` must be
// in the topology.
int NumReportColumns(const WorkerOptions& options, const Topology& topology);

// A snapshot for status pages.
struct WorkerStatus {
  bool connected = false;
  std::string daemon_id;  // Of the last Welcome.
  std::uint64_t incarnation = 0;
  PlanId active;
  ParticipantState state = ParticipantState::kActive;
  std::optional<PlanId> held;
  std::uint64_t step = 0;             // Last begun.
  std::uint64_t plans_activated = 0;  // By switches; the start plan does not count.
  std::uint64_t moved_slots = 0;      // Own slots that got another expert, over all of them.
  std::uint64_t plans_nacked = 0;
  std::uint64_t membership_gen = 0;  // Newest heard of.
  std::uint64_t disagreements = 0;
  std::uint64_t connects = 0;  // Sessions that were accepted.
  std::uint64_t reports_sent = 0;
  std::string last_error;  // Why the last session ended.
};

// What a serving worker embeds, once per rank: it serves a placement, reports the load
// and switches plans with the other ranks. See README.md for an example.
//
// Guarantees. It serves from construction on, with or without a daemon, and never
// stops: nothing the daemon does delays a step. A plan is checked before it is loaded,
// loaded beside the active one, and becomes active only in BeginStep() after a vote in
// which all ranks held it. It reconnects for ever.
//
// Threads. One engine thread calls the members under "engine thread". They do no IO and
// wait for no thread that does; without a switch at hand they take no lock. All other
// members are thread-safe. The session owns two threads (connection, loader) besides gRPC's.
//
// Destruction ends the streams, cancels a load and waits for both threads: as long as the
// loader takes to see StageControl::cancelled(). The engine thread must have stopped; events
// may come until the destructor returns.
class WorkerSession {
 public:
  // Starts at once. `loader` and a given clock must outlive the session. InvalidArgument
  // names the option: a shape out of range, a rank that is not in the topology, fewer
  // slots than experts, a start plan that fails CheckPlan() ...
  static absl::StatusOr<std::unique_ptr<WorkerSession>> Create(WorkerOptions options,
                                                               const Topology& topology,
                                                               WeightLoader& loader);
  ~WorkerSession();

  // Engine thread, once per forward pass, before anything is routed. True if this step is
  // the first of a new plan: WeightLoader::Activate() has run and the router has its table.
  bool BeginStep(std::uint64_t step);
  // Engine thread. Ready to use after the first BeginStep().
  ReplicaRouter& router();
  // Engine thread: add what this rank received, by local slot; or with ReportForm::kExpert
  // what it sent, by expert; and in each step the tokens that this rank routed, by which the
  // daemon finds miscounts. EndStep(step) below ends the step in it.
  LoadCounters& counters();
  // Engine thread: the own word for a MIN reduction that the engine does in this step, and
  // its result. If they agreed the next BeginStep() switches.
  VoteWord Vote() const;
  VoteResult OnVote(const VoteWord& reduced);
  // Engine thread, when the step's counts are complete.
  void EndStep(std::uint64_t step);

  // For routers of further threads. Their BeginStep() must come after the engine thread's.
  TableCell& tables();

  PlanId active() const;
  // DigestPrefix(active().digest), wait-free: for a cross-check of dispatch and combine.
  std::uint64_t active_digest_prefix() const;
  // The active placement, for instance to write it down for a restart.
  std::shared_ptr<const PlacementPlan> active_plan() const;
  WorkerStatus status() const;

  // Says goodbye, for a rank that is drained: the daemon does not wait for it any more and
  // plans nothing for the group until the rank is back, as a new session. Serving goes on
  // meanwhile; when it ends is the engine's affair. Waits at most `patience` for the daemon's
  // answer: true once it has stored the leave, after which there is no session any more.
  // False: the goodbye is said as soon as there is a daemon. Thread-safe.
  bool Leave(const std::string& reason, absl::Duration patience);

 private:
  class Impl;
  explicit WorkerSession(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
  SwitchPoint& switch_point_;  // Of impl_.
};

}  // namespace ballast

#endif  // BALLAST_CLIENT_WORKER_WORKER_SESSION_H_
