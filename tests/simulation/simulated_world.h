#ifndef BALLAST_TESTS_SIMULATION_SIMULATED_WORLD_H_
#define BALLAST_TESTS_SIMULATION_SIMULATED_WORLD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/rollout/coordinator.h"
#include "core/rollout/participant.h"
#include "tests/simulation/durable_store.h"
#include "tests/simulation/fault_profile.h"
#include "tests/simulation/rollout_simulation.h"

namespace ballast {

struct SimulatedMessage {
  enum class Kind {
    kHello,
    kClosed,  // The worker's end of the session is gone.
    kGoodbye,
    kProgress,
    kPrepared,
    kHeld,
    kActive,
    kRetired,
    kAborted,
    kNack,
    kWelcome,
    kPrepare,
    kCommit,
    kAbort,
    kRetire,
  };
  Kind kind = Kind::kHello;
  int rank = 0;
  int session = 0;
  std::uint64_t nonce = 0;
  std::uint64_t term = 0;
  PlanId plan;
  PlanId base;
  NackCode nack = NackCode::kBusy;
  RankHello hello;
  bool from_copy = false;  // Sent by the daemon with the copied store.
};

// Milliseconds of simulated time.
using Millis = std::int64_t;

// The whole simulation; its parts are told apart by the source files.
class SimulatedWorld {
 public:
  explicit SimulatedWorld(const SimulationOptions& options);
  SimulationReport Run();

 private:
  using Kind = SimulatedMessage::Kind;
  enum class EventKind {
    kDeliverToDaemon,
    kDeliverToWorker,
    kTick,  // Of the daemon.
    kStoreExecutes,
    kStoreAnswers,
    kStartDaemon,
    kConnect,     // A worker without a session tries.
    kNoticeLoss,  // A worker notices that its session is dead.
    kHeartbeat,   // Of a worker.
    kLoadTick,    // Loading goes on or ends.
    kEngine,      // A rank does the next thing of its step.
    kWorkerReturns,
    kFault,
    kPropose,
    kGiveUp,       // Of PlantedBug::kGiveUpAlone.
    kCopyCommits,  // The daemon with the copied store decides.
  };
  struct Event {
    Millis at = 0;
    std::int64_t order = 0;  // Ties are broken by the order of creation.
    EventKind kind = EventKind::kTick;
    int rank = 0;
    std::uint64_t ticket = 0;  // Life, incarnation, session or load it belongs to.
    int message = -1;          // Index into messages_.
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  struct StoreCall {
    CoordinatorAction::Kind kind = CoordinatorAction::Kind::kPersistProposal;
    PlanId plan;
    PlanId base;
    std::uint64_t term = 0;
    std::uint64_t life = 0;
    absl::Status status;
    PlanVersion version;
  };
  struct Session {
    int rank = 0;
    std::uint64_t life = 0;  // Of the daemon at its other end.
    std::uint64_t incarnation = 0;
    Millis last_to_daemon = 0;  // A faithful network keeps the order.
    Millis last_to_worker = 0;
  };
  struct Worker {
    bool alive = false;
    std::uint64_t incarnation = 0;
    std::optional<Participant> participant;
    int session = -1;
    std::vector<Digest> loaded;  // Weights that are in memory.
    std::uint64_t load = 0;      // Ticket of the newest load.
    PlanId loading;
    Millis load_ends = 0;
    bool load_stalls = false;  // No progress is told.
    std::optional<NackCode> load_fault;
    std::uint64_t prepare_nonce = 0;  // Of the newest Prepare.
    int step = 0;
    enum class Stage { kBegin, kVote, kRead } stage = Stage::kBegin;
    PlanId last_active;  // For the checkers.
    std::optional<PlanId> last_committed;
  };
  // A plan of the daemon with the copied store.
  struct CopyPlan {
    PlanId id;
    std::vector<int> ranks;  // Not all.
  };
  struct Collective {
    int votes = 0;
    VoteWord reduced = {~std::uint64_t{0}, ~std::uint64_t{0}};
    std::optional<Digest> served;
  };

  // rollout_simulation.cc: time, network, faults, checkers.
  void DrawProfile();
  void Schedule(Millis delay, EventKind kind, int rank = 0, std::uint64_t ticket = 0,
                int message = -1);
  void Handle(const Event& event);
  void Post(const SimulatedMessage& message, bool to_daemon);
  int Keep(const SimulatedMessage& message);
  bool Chance(int permille) { return random_.Below(1000) < static_cast<std::uint64_t>(permille); }
  int Between(int low, int high) {
    return low + static_cast<int>(random_.Below(static_cast<std::uint64_t>(high - low + 1)));
  }
  void InjectFault();
  void EndFaults();
  void CheckAll();
  void CheckWorker(int rank);
  bool AtRest() const;
  void Fail(const std::string& violation);
  void Note(const std::string& line);
  template <typename... Parts>
  void Trace(const Parts&... parts) {
    if (options_.trace) Note(absl::StrCat(parts...));
  }

  // simulated_daemon.cc
  void StartDaemon();
  void CrashDaemon();
  bool DiesHere();  // A point at which the daemon may die; true if it did.
  void Execute(Coordinator::Actions actions);
  void ExecuteSend(const CoordinatorAction& action);
  void AskStore(const CoordinatorAction& action);
  void ExecuteInStore(int index);
  void AnswerFromStore(const StoreCall& call);
  void ReceiveAtDaemon(const SimulatedMessage& message);
  void ReceiveAnswer(const SimulatedMessage& message, Coordinator::Actions* actions);
  void Welcome(const SimulatedMessage& hello);
  Digest NewContent();
  void Propose();
  void TickDaemon();
  void WakeCopy();
  void SendFromCopy(const CopyPlan& plan, Kind kind);
  void RestartHoldersOfCopies();

  // simulated_fleet.cc
  void StartWorker(int rank);
  void CrashWorker(int rank);
  void LeaveWorker(int rank);
  PlanId GroupPlan();
  void Connect(int rank);
  void CloseSession(int rank);
  void SendHeartbeat(int rank, int session);
  void ReceiveAtWorker(const SimulatedMessage& message);
  void Act(int rank, const Participant::Actions& actions);
  void BeginLoad(int rank, const PlanId& plan);
  void ScheduleLoadTick(int rank);
  void ContinueLoad(int rank);
  void RunEngine(int rank);
  VoteWord VoteOf(int rank) const;
  void ReadVote(int rank);
  void BeginStep(int rank);
  void GiveUpAlone(int rank);
  bool GroupComplete() const;

  absl::Duration now() const { return absl::Milliseconds(now_); }

  const SimulationOptions options_;
  Random random_;
  FaultProfile profile_;
  SimulationReport report_;
  Millis now_ = 0;
  std::int64_t order_ = 0;
  std::vector<Event> queue_;  // A heap.
  std::vector<SimulatedMessage> messages_;
  std::vector<int> free_messages_;
  std::vector<Session> sessions_;
  Millis faults_end_ = 0;
  bool faults_over_ = false;
  bool leftovers_possible_ = false;  // Of the fault phase.
  bool last_plan_proposed_ = false;
  const PlanId initial_;

  DurableStore store_;
  std::optional<Coordinator> coordinator_;  // While the daemon lives.
  std::uint64_t term_ = 0;
  std::uint64_t life_ = 0;
  std::vector<int> daemon_session_;  // [ranks], -1: none.
  std::vector<bool> left_;           // [ranks], durable.
  std::vector<StoreCall> store_calls_;
  std::uint64_t contents_ = 0;  // Plans made so far.
  std::vector<Digest> past_;
  std::vector<CopyPlan> copy_plans_;

  std::vector<Worker> workers_;  // [ranks]
  std::uint64_t incarnations_ = 0;
  std::uint64_t loads_ = 0;
  std::vector<Collective> collectives_;  // [step]
  PlanId restart_plan_;                  // What a group begins with that died as a whole.
};

}  // namespace ballast

#endif  // BALLAST_TESTS_SIMULATION_SIMULATED_WORLD_H_
