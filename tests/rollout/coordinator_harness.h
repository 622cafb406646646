#ifndef BALLAST_TESTS_ROLLOUT_COORDINATOR_HARNESS_H_
#define BALLAST_TESTS_ROLLOUT_COORDINATOR_HARNESS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "core/rollout/coordinator.h"
#include "gtest/gtest.h"
#include "tests/rollout/plan_names.h"

namespace ballast {

inline const PlanId kDecided = Plan(1, 4);
inline constexpr std::uint64_t kTerm = 2;
inline const PlanId kPlan = Plan(kTerm, 5);

// A coordinator, a clock that the test turns, and the last message to each rank.
class CoordinatorHarness {
 public:
  explicit CoordinatorHarness(int num_ranks, PlanId decided = kDecided)
      : num_ranks_(num_ranks), coordinator(num_ranks, decided, kTerm, Options()) {}

  static CoordinatorOptions Options() {
    CoordinatorOptions options;
    options.prepare_timeout = absl::Seconds(60);
    options.lagging_after = absl::Seconds(10);
    options.retry_min = absl::Seconds(1);
    options.retry_max = absl::Seconds(8);
    return options;
  }

  static RankHello MakeHello(int rank, PlanId active = kDecided) {
    RankHello hello;
    hello.rank = RankId(rank);
    hello.incarnation = 100 + rank;
    hello.active = active;
    return hello;
  }

  void Hello(const RankHello& hello) {
    coordinator.OnHello(hello, now, &actions);
    Read();
  }
  void HelloAll(PlanId active = kDecided) {
    for (int rank = 0; rank < num_ranks_; ++rank) Hello(MakeHello(rank, active));
  }
  void Disconnect(int rank) { Disconnect(rank, 100 + rank); }
  void Disconnect(int rank, std::uint64_t incarnation) {
    coordinator.OnDisconnect(RankId(rank), incarnation, now, &actions);
    Read();
  }
  void Leave(int rank) {
    coordinator.OnLeave(RankId(rank), "drained", now, &actions);
    Read();
  }
  absl::Status Propose(const PlanId& plan = kPlan) {
    const absl::Status status = coordinator.Propose(plan.digest, now, &actions);
    Read();
    return status;
  }
  void ProposalStored(PlanVersion version = kPlan.version) {
    coordinator.OnProposalStored(version, now, &actions);
    Read();
  }
  void DecisionStored() {
    coordinator.OnDecisionStored(now, &actions);
    Read();
  }
  void AbortStored() {
    coordinator.OnAbortStored(now, &actions);
    Read();
  }
  void StoreFailed(const absl::Status& status) {
    coordinator.OnStoreFailed(status, now, &actions);
    Read();
  }
  void Progress(int rank) { coordinator.OnProgress(RankId(rank), nonce[rank], now); }
  void Prepared(int rank) {
    coordinator.OnPrepared(RankId(rank), nonce[rank], now, &actions);
    Read();
  }
  void Held(int rank) {
    coordinator.OnHeld(RankId(rank), nonce[rank], now, &actions);
    Read();
  }
  void Active(int rank, const PlanId& active = kPlan) {
    coordinator.OnActive(RankId(rank), active, now, &actions);
    Read();
  }
  void Retired(int rank) {
    coordinator.OnRetired(RankId(rank), nonce[rank], now, &actions);
    Read();
  }
  void Refuse(int rank, NackCode code, const std::string& detail = "why") {
    coordinator.OnNack(RankId(rank), nonce[rank], Nack{code, detail}, now, &actions);
    Read();
  }
  void Advance(absl::Duration step) {
    now += step;
    coordinator.OnTick(now, &actions);
    Read();
  }

  // Straight path up to the phase, all ranks taking part; forgets the actions.
  void BringTo(PlanPhase phase) {
    HelloAll();
    // What a daemon that begins with a stored plan says first.
    for (int rank = 0; rank < num_ranks_; ++rank) Retired(rank);
    const auto there = [&] {
      Take();
      return coordinator.phase() == phase;
    };
    if (there()) return;
    ASSERT_TRUE(Propose().ok());
    if (there()) return;
    ProposalStored();
    if (there()) return;
    if (phase == PlanPhase::kAborting) {
      ASSERT_TRUE(coordinator.Abort("by hand", now, &actions).ok());
      Read();
      Take();
      return;
    }
    for (int rank = 0; rank < num_ranks_; ++rank) Prepared(rank);
    if (there()) return;
    DecisionStored();
    if (there()) return;
    for (int rank = 0; rank < num_ranks_; ++rank) Held(rank);
    for (int rank = 0; rank < num_ranks_; ++rank) Active(rank);
    ASSERT_TRUE(there()) << PlanPhaseName(coordinator.phase());
  }

  // What was asked for since the last look, as "prepare 0", "decide", "finished done".
  std::vector<std::string> Take() { return std::exchange(log, {}); }
  RankState state(int rank) const { return coordinator.rank_state(RankId(rank)); }
  std::string detail(int rank) const { return coordinator.rank_detail(RankId(rank)); }

 private:
  void Read() {
    for (const CoordinatorAction& action : std::exchange(actions, {})) {
      last = action;
      log.push_back(Text(action));
      if (action.rank.valid()) {
        nonce[action.rank.value] = action.nonce;
        message[action.rank.value] = action;
      }
    }
  }
  static std::string Text(const CoordinatorAction& action) {
    using Kind = CoordinatorAction::Kind;
    switch (action.kind) {
      case Kind::kPersistProposal:
        return "propose";
      case Kind::kPersistDecision:
        return "decide";
      case Kind::kPersistAbort:
        return "abort in store";
      case Kind::kSendPrepare:
        return absl::StrCat("prepare ", action.rank.value);
      case Kind::kSendCommit:
        return absl::StrCat("commit ", action.rank.value);
      case Kind::kSendAbort:
        return absl::StrCat("abort ", action.rank.value);
      case Kind::kSendRetire:
        return absl::StrCat("retire ", action.rank.value);
      case Kind::kFinished:
        return absl::StrCat("finished ", action.reason);
    }
    return "?";
  }

  int num_ranks_;

 public:
  absl::Duration now = absl::Seconds(1000);
  Coordinator coordinator;
  Coordinator::Actions actions;
  CoordinatorAction last;
  std::map<int, CoordinatorAction> message;  // Newest to each rank.
  std::map<int, std::uint64_t> nonce;        // Of that.
  std::vector<std::string> log;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_ROLLOUT_COORDINATOR_HARNESS_H_
