#ifndef BALLAST_TESTS_DAEMON_ROLLOUT_LOOP_FIXTURE_H_
#define BALLAST_TESTS_DAEMON_ROLLOUT_LOOP_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/simulated_clock.h"
#include "core/store/in_memory_plan_store.h"
#include "daemon/control/rollout_loop.h"
#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {

// Keeps which moments were reached.
class RecordingCrashPoints final : public CrashPoints {
 public:
  void Reach(absl::string_view point) override { reached.emplace_back(point); }

  std::vector<std::string> reached;
};

// A rollout loop of four ranks that the test turns by hand, on a store in memory.
class RolloutLoopTest : public ::testing::Test {
 protected:
  RolloutLoopTest() { Restart(); }

  // As a new process on the same store: a new term, no sessions.
  void Restart() {
    loop_.reset();
    links_.assign(4, nullptr);
    const std::uint64_t term = *store_.BeginTerm();
    ignored_.clear();
    absl::StatusOr<RolloutStart> start = RecoverGroup(config_, store_, term, &ignored_);
    ASSERT_TRUE(start.ok()) << start.status();
    loop_ = std::make_unique<RolloutLoop>(
        RolloutLoop::Parts{config_, store_, observer_, clock_, &moments_}, *start, term);
    if (active_.digest == Digest{}) active_ = start->decided;
  }

  SessionEvent EventOf(int rank, SessionEvent::Kind kind) {
    SessionEvent event;
    event.rank = RankId(rank);
    event.kind = kind;
    event.link = links_[rank];
    return event;
  }

  void Connect(int rank) { Connect(rank, 100 + rank); }
  void Connect(int rank, std::uint64_t incarnation) {
    links_[rank] = std::make_shared<RecordingLink>();
    SessionEvent event = EventOf(rank, SessionEvent::Kind::kHello);
    event.hello.rank = RankId(rank);
    event.hello.incarnation = incarnation;
    event.hello.active = active_;
    loop_->Submit(std::move(event));
    loop_->RunOnceForTest();
  }

  void ConnectAll() {
    for (int rank = 0; rank < 4; ++rank) Connect(rank);
  }

  void Answer(int rank, SessionEvent::Kind kind) {
    SessionEvent event = EventOf(rank, kind);
    ASSERT_FALSE(links_[rank]->sent.empty());
    event.nonce = links_[rank]->sent.back().nonce;
    event.plan = links_[rank]->sent.back().plan;
    loop_->Submit(std::move(event));
    loop_->RunOnceForTest();
  }

  void AnswerAll(SessionEvent::Kind kind) {
    for (int rank = 0; rank < 4; ++rank) Answer(rank, kind);
  }

  bool WasSent(int rank, WorkerCommand::Kind kind) const {
    for (const WorkerCommand& command : links_[rank]->sent) {
      if (command.kind == kind) return true;
    }
    return false;
  }

  PlanCandidate Candidate() const { return ExchangedCandidate(config_, loop_->Facts().decided); }

  void Offer(PlanCandidate candidate) {
    loop_->Offer(std::move(candidate));
    loop_->RunOnceForTest();
  }

  DecisionRecord LastDecision() const {
    const std::vector<DecisionRecord> decisions = *store_.Decisions("demo", 1);
    return decisions.empty() ? DecisionRecord() : decisions[0];
  }

  GroupConfig config_ = SmallGroup();
  SimulatedClock clock_;
  InMemoryPlanStore store_;
  RecordingObserver observer_;
  RecordingCrashPoints moments_;
  std::string ignored_;
  PlanId active_;  // What workers say they run.
  std::unique_ptr<RolloutLoop> loop_;
  std::vector<std::shared_ptr<RecordingLink>> links_;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_DAEMON_ROLLOUT_LOOP_FIXTURE_H_
