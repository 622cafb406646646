#include "client/fleet/fleet_worker.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/fleet/sender.h"
#include "client/worker/plan_intake.h"
#include "client/worker/worker_session.h"
#include "core/base/clock.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"
#include "core/model/balance.h"

namespace ballast {
namespace {

// For a rank that comes back: the others wait in the step that it is missing from, unless
// they are lost too.
constexpr absl::Duration kPeerPatience = absl::Seconds(30);

// Chosen: a daemon answers within milliseconds, or is not there.
constexpr absl::Duration kLeavePatience = absl::Seconds(20);

// Paces the steps of the fleet: rank 0 waits here before it meets the others.
class Pacer {
 public:
  explicit Pacer(int step_ms) : period_(absl::Milliseconds(step_ms)) {}

  // Returns when the next step is due. A step that took too long is not made up for.
  void Wait() {
    if (period_ == absl::ZeroDuration()) return;
    const absl::Duration now = RealClock().Uptime();
    if (due_ > now) absl::SleepFor(due_ - now);
    due_ = std::max(now, due_) + period_;
  }

 private:
  const absl::Duration period_;
  absl::Duration due_;
};

// Shows on the board whether the session stands, and tells people of what went wrong,
// once per kind of event. Tell() is called on the session's thread.
//
// It is also what kills this process where the command line says so.
class EventTeller {
 public:
  EventTeller(const FleetOptions& options, RankBoard& board, RankId rank)
      : board_(board), rank_(rank) {
    const bool is_first = board.returns.load(std::memory_order_acquire) == 0;
    if (is_first && options.kill.rank == rank) kill_ = options.kill;
  }

  void OnStep(std::uint64_t step) {
    if (kill_.moment == FleetOptions::Loss::Moment::kStep && step == kill_.step) Die();
  }

  // Keeps the board as it is: the session is about to be closed from this end.
  void Leave() { left_.store(true, std::memory_order_release); }

  void Tell(const WorkerEvent& event) {
    using Kind = WorkerEvent::Kind;
    if (left_.load(std::memory_order_acquire)) return;
    if (kill_.rank.valid() && event.kind == KillingEvent(kill_.moment)) Die();
    if (event.kind == Kind::kConnected) board_.connected.store(1, std::memory_order_release);
    if (event.kind == Kind::kDisconnected) board_.connected.store(0, std::memory_order_release);
    const bool is_fault =
        event.kind == Kind::kHelloRefused || event.kind == Kind::kStaleDaemon ||
        event.kind == Kind::kMalformedMessage || event.kind == Kind::kPlanNacked ||
        event.kind == Kind::kDigestDisagreement || event.kind == Kind::kReportRejected;
    if (!is_fault || std::exchange(told_[static_cast<std::size_t>(event.kind)], true)) return;
    std::fprintf(stderr, "rank %d: %s: %s\n", rank_.value, WorkerEventName(event.kind),
                 event.detail.c_str());
  }

 private:
  static std::optional<WorkerEvent::Kind> KillingEvent(FleetOptions::Loss::Moment moment) {
    switch (moment) {
      case FleetOptions::Loss::Moment::kLoading:
        return WorkerEvent::Kind::kPlanReceived;
      case FleetOptions::Loss::Moment::kPrepared:
        return WorkerEvent::Kind::kPlanPrepared;
      case FleetOptions::Loss::Moment::kHeld:
        return WorkerEvent::Kind::kPlanHeld;
      case FleetOptions::Loss::Moment::kActive:
        return WorkerEvent::Kind::kPlanActivated;
      case FleetOptions::Loss::Moment::kStep:
        return std::nullopt;
    }
    return std::nullopt;
  }

  // As a process dies that is killed from outside: nothing is closed or written any more.
  static void Die() { kill(getpid(), SIGKILL); }

  RankBoard& board_;
  const RankId rank_;
  FleetOptions::Loss kill_;
  std::atomic<bool> left_{false};
  std::array<bool, 32> told_{};
};

class FleetWorker {
 public:
  FleetWorker(const FleetLinks& links, RankId rank)
      : links_(links),
        rank_(rank),
        board_(links.board.rank(rank)),
        teller_(links.options, board_, rank),
        sender_(links.setup.shape, links.setup.topology),
        loader_(links.weights,
                links.options.stall.rank == rank ? links.options.stall.file : std::string()),
        pacer_(links.options.step_ms) {}

  absl::Status Start() {
    const FleetSetup& setup = links_.setup;
    BALLAST_ASSIGN_OR_RETURN(source_, MakeRequestSource(links_.options, setup));
    std::optional<PlacementPlan> start_plan;
    if (board_.returns.load(std::memory_order_acquire) > 0) {
      BALLAST_RETURN_IF_ERROR(TakeOver(&start_plan));
    }
    const PlanIntake intake(setup.shape, setup.topology, rank_);
    BALLAST_ASSIGN_OR_RETURN(PlanInHand initial,
                             intake.Make(InitialPlan(setup.shape, setup.topology)));
    shadow_cell_.Install(initial.table);
    WorkerOptions options;
    options.daemon_address = links_.options.daemon;
    options.ep_group = links_.options.ep_group;
    options.rank = rank_;
    options.shape = setup.shape;
    options.start_plan = std::move(start_plan);
    options.reconnect_cap = absl::Milliseconds(links_.options.reconnect_ms);
    options.router.spill_threshold = links_.options.spill_threshold;
    options.report_form = links_.options.report_form;
    options.on_event = [this](const WorkerEvent& event) { teller_.Tell(event); };
    shadow_router_ = std::make_unique<ReplicaRouter>(shadow_cell_, options.router);
    BALLAST_ASSIGN_OR_RETURN(session_,
                             WorkerSession::Create(std::move(options), setup.topology, loader_));
    if (links_.on_start) links_.on_start(rank_, *session_);
    return absl::OkStatus();
  }

  // OK after the last step; Aborted if somebody else gave up.
  absl::Status Serve() {
    std::uint64_t step = served_;  // As far as the process before this one came.
    const std::uint64_t last = links_.board.last_step();
    if (last > 0 && step > last) return RecordMissed(last);
    while (step == 0 || !IsLast(step)) {
      ++step;
      BALLAST_RETURN_IF_ERROR(ServeStep(step));
    }
    // The counts of the last step are complete only once all ranks have met again.
    links_.board.SetLastStep(step);
    teller_.Leave();
    if (!links_.lockstep.Arrive(rank_)) return absl::AbortedError("another rank gave up");
    return Record(step);
  }

 private:
  bool IsLast(std::uint64_t step) const {
    return step == links_.options.num_steps || links_.exchange.StopWanted(step);
  }

  // Goes on after the last meeting that the process before this one has come to: what it
  // owed to the others since then is made up for, and `start_plan` is what they serve now.
  absl::Status TakeOver(std::optional<PlacementPlan>* start_plan) {
    served_ = links_.lockstep.rounds(rank_);
    if (served_ > 0 && !links_.lockstep.Await(static_cast<std::uint32_t>(served_))) {
      return absl::AbortedError("another rank gave up");
    }
    moved_before_ = board_.moved_slots.load(std::memory_order_acquire);
    const std::uint64_t last = links_.board.last_step();
    if (served_ > 0 && (last == 0 || served_ <= last)) {
      CountReceived(served_);
      BALLAST_RETURN_IF_ERROR(RecordMissed(served_ - 1));
    }
    if (last > 0 && served_ > last) return absl::OkStatus();
    BALLAST_ASSIGN_OR_RETURN(const RankId peer, AwaitPeer(served_ + 1));
    *start_plan = links_.plans.Read(peer);
    // The others have switched without it.
    if ((*start_plan)->version != links_.plans.Read(rank_).version) {
      board_.plans_activated.fetch_add(1, std::memory_order_release);
    }
    links_.weights.LoadRank(**start_plan, links_.setup.topology.slots_of(rank_));
    return absl::OkStatus();
  }

  // A rank that has come to the meeting of `step`: what it serves then, all serve.
  absl::StatusOr<RankId> AwaitPeer(std::uint64_t step) {
    const absl::Duration give_up = RealClock().Uptime() + kPeerPatience;
    while (RealClock().Uptime() < give_up) {
      for (int peer = 0; peer < links_.setup.topology.num_ranks(); ++peer) {
        if (peer != rank_.value && links_.lockstep.rounds(RankId(peer)) >= step) {
          return RankId(peer);
        }
      }
      if (links_.lockstep.aborted()) return absl::AbortedError("another rank gave up");
      absl::SleepFor(absl::Milliseconds(2));
    }
    return absl::UnavailableError(
        absl::StrCat("step ", step, ": no other rank came whose plan could be taken over"));
  }

  absl::Status ServeStep(std::uint64_t step) {
    if (rank_.value == 0) pacer_.Wait();
    teller_.OnStep(step);
    if (LeavesAt(step)) return Leave();
    if (session_->BeginStep(step) || active_plan_ == nullptr) AdoptPlan();
    BALLAST_RETURN_IF_ERROR(SendPicks(step));
    links_.exchange.Word(step, rank_) = {
        .vote = session_->Vote(),
        // Of the table that routes, not of the plan that should.
        .digest_prefix = DigestPrefix(session_->router().table().id().digest),
        .version = session_->active().version,
        .wants_stop = links_.board.stop_requested() ? std::uint64_t{1} : 0};
    if (!links_.lockstep.Arrive(rank_)) return absl::AbortedError("another rank gave up");
    BALLAST_RETURN_IF_ERROR(CheckOnePlan(step));
    BALLAST_RETURN_IF_ERROR(CheckWeights(step));
    ReceivePicks(step);
    session_->OnVote(links_.exchange.ReducedVote(step));
    session_->EndStep(step);
    return step > 1 ? Record(step - 1) : absl::OkStatus();
  }

  bool LeavesAt(std::uint64_t step) const {
    const FleetOptions::Loss& leave = links_.options.leave;
    return leave.rank == rank_ && leave.step == step &&
           board_.returns.load(std::memory_order_acquire) == 0;
  }

  // Between two steps, so that nobody misses what this rank owes.
  absl::Status Leave() {
    if (session_->Leave("drained by --leave-worker", kLeavePatience)) {
      return absl::CancelledError("left");
    }
    return absl::UnavailableError("no daemon has taken the goodbye");
  }

  // The first step of a plan: what the board shows and the checks need changes.
  void AdoptPlan() {
    if (active_plan_ != nullptr) board_.plans_activated.fetch_add(1, std::memory_order_release);
    active_plan_ = session_->active_plan();
    board_.moved_slots.store(moved_before_ + loader_.moved_slots(), std::memory_order_release);
    if (links_.options.rejoin_ms >= 0) links_.plans.Write(rank_, *active_plan_);
  }

  absl::Status SendPicks(std::uint64_t step) {
    BALLAST_ASSIGN_OR_RETURN(const TraceStep tokens,
                             source_->TokensOfStep(step - 1, SlotsOfSender(links_.setup, rank_)));
    const absl::Span<std::uint32_t> picks = links_.exchange.Outbox(step, rank_);
    const absl::Status sent = sender_.Send(tokens, session_->router(), *active_plan_, picks);
    if (!sent.ok()) {
      return absl::InternalError(absl::StrCat("step ", step, ", ", sent.message()));
    }
    if (links_.options.report_form == ReportForm::kExpert) CountSent(picks);
    session_->counters().AddTokens(static_cast<std::uint64_t>(tokens.num_tokens()));
    shadow_router_->BeginStep();
    sender_.SendToRanks(tokens, *shadow_router_, links_.exchange.ShadowOutbox(step, rank_));
    return absl::OkStatus();
  }

  // `picks` went to slots of the active plan; reported are the experts in them.
  void CountSent(absl::Span<const std::uint32_t> picks) {
    const int num_slots = links_.setup.topology.num_slots();
    for (int layer = 0; layer < links_.setup.shape.num_layers; ++layer) {
      const absl::Span<const ExpertId> experts = active_plan_->experts(LayerId(layer));
      for (int slot = 0; slot < num_slots; ++slot) {
        const std::uint32_t count = picks[static_cast<std::size_t>(layer) * num_slots + slot];
        if (count > 0) session_->counters().Add(LayerId(layer), experts[slot].value, count);
      }
    }
  }

  absl::Status CheckOnePlan(std::uint64_t step) {
    const RankId odd = links_.exchange.OddRank(step);
    if (!odd.valid()) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat("step ", step, ": two plans in one step: rank 0 routes by ",
                     absl::Hex(links_.exchange.Word(step, RankId(0)).digest_prefix), ", rank ",
                     odd.value, " by ", absl::Hex(links_.exchange.Word(step, odd).digest_prefix)));
  }

  absl::Status CheckWeights(std::uint64_t step) {
    const SlotRange own = links_.setup.topology.slots_of(rank_);
    for (int layer = 0; layer < links_.setup.shape.num_layers; ++layer) {
      const absl::Span<const ExpertId> experts = active_plan_->experts(LayerId(layer));
      for (int i = 0; i < own.count; ++i) {
        const SlotId slot(own.first.value + i);
        const ExpertId held =
            WeightMemory::ExpertIn(LayerId(layer), links_.weights.slot(LayerId(layer), slot));
        if (held == experts[slot.value]) continue;
        return absl::InternalError(absl::StrCat("step ", step, ", layer ", layer, ", slot ",
                                                slot.value, ": holds expert ", held.value,
                                                ", is routed as ", experts[slot.value].value));
      }
    }
    return absl::OkStatus();
  }

  void ReceivePicks(std::uint64_t step) {
    const SlotRange own = links_.setup.topology.slots_of(rank_);
    for (int layer = 0; layer < links_.setup.shape.num_layers; ++layer) {
      const LayerId id(layer);
      for (int i = 0; i < own.count; ++i) {
        const std::uint64_t picks = links_.exchange.PicksFor(step, id, SlotId(own.first.value + i));
        if (links_.options.report_form == ReportForm::kSlot) {
          session_->counters().Add(id, i, picks);
        }
      }
    }
    CountReceived(step);
  }

  // What rank 0 needs to write the step down.
  void CountReceived(std::uint64_t step) {
    const SlotRange own = links_.setup.topology.slots_of(rank_);
    for (int layer = 0; layer < links_.setup.shape.num_layers; ++layer) {
      const LayerId id(layer);
      std::uint64_t received = 0;
      for (int i = 0; i < own.count; ++i) {
        received += links_.exchange.PicksFor(step, id, SlotId(own.first.value + i));
      }
      links_.exchange.Received(step, rank_)[layer] = static_cast<std::uint32_t>(received);
      links_.exchange.ShadowReceived(step, rank_)[layer] =
          static_cast<std::uint32_t>(links_.exchange.ShadowPicksFor(step, id, rank_));
    }
  }

  // Of a step before the one that was served last, unless it was recorded before the loss.
  absl::Status RecordMissed(std::uint64_t step) {
    return step > links_.board.last_pushed() ? Record(step) : absl::OkStatus();
  }

  // Rank 0 writes down a step of which all ranks have counted their part.
  absl::Status Record(std::uint64_t step) {
    if (rank_.value != 0) return absl::OkStatus();
    const RankWord& word = links_.exchange.Word(step, rank_);
    StepRecord record = {.step = step, .plan = word.version, .digest_prefix = word.digest_prefix};
    const int num_ranks = links_.setup.topology.num_ranks();
    std::vector<LayerBalance> before, after;
    std::vector<double> before_picks(num_ranks), after_picks(num_ranks);
    for (int layer = 0; layer < links_.setup.shape.num_layers; ++layer) {
      for (int rank = 0; rank < num_ranks; ++rank) {
        before_picks[rank] = links_.exchange.ShadowReceived(step, RankId(rank))[layer];
        after_picks[rank] = links_.exchange.Received(step, RankId(rank))[layer];
      }
      before.push_back(BalanceOfRanks(links_.setup.topology, before_picks));
      after.push_back(BalanceOfRanks(links_.setup.topology, after_picks));
    }
    BALLAST_RETURN_IF_ERROR(CheckConservation(step, before, after));
    record.imbalance_before = MeanImbalanceRatio(before);
    record.imbalance_after = MeanImbalanceRatio(after);
    // A parent that does not read for long stops the fleet rather than losing steps.
    while (!links_.board.TryPush(record)) {
      if (links_.lockstep.aborted()) return absl::AbortedError("another rank gave up");
      absl::SleepFor(absl::Milliseconds(1));
    }
    return absl::OkStatus();
  }

  // No pick is lost or doubled on its way, by either routing.
  absl::Status CheckConservation(std::uint64_t step, absl::Span<const LayerBalance> before,
                                 absl::Span<const LayerBalance> after) const {
    for (std::size_t layer = 0; layer < after.size(); ++layer) {
      const double shadow = before[layer].mean_rank_load;
      const double served = after[layer].mean_rank_load;
      if (std::abs(shadow - served) <= 1e-9 * shadow) continue;
      return absl::InternalError(absl::StrCat("step ", step, ", layer ", layer, ": ", served,
                                              " picks per rank arrived, ", shadow,
                                              " were sent by the initial plan"));
    }
    return absl::OkStatus();
  }

  const FleetLinks links_;
  const RankId rank_;
  RankBoard& board_;
  EventTeller teller_;
  Sender sender_;
  MemoryWeightLoader loader_;
  Pacer pacer_;
  std::unique_ptr<RequestSource> source_;
  TableCell shadow_cell_;
  std::unique_ptr<ReplicaRouter> shadow_router_;
  std::unique_ptr<WorkerSession> session_;  // Destroyed before what it calls.
  std::shared_ptr<const PlacementPlan> active_plan_;
  std::uint64_t served_ = 0;        // Steps that the process before this one has met in.
  std::uint64_t moved_before_ = 0;  // Slots that it has moved.
};

}  // namespace

int RunFleetWorker(const FleetLinks& links, RankId rank) {
  FleetWorker worker(links, rank);
  absl::Status status = worker.Start();
  if (status.ok()) status = worker.Serve();
  if (status.ok()) return 0;
  if (absl::IsCancelled(status)) return kWorkerLeft;
  if (!absl::IsAborted(status)) links.lockstep.Abort(rank.value, status.message());
  return 1;
}

}  // namespace ballast
