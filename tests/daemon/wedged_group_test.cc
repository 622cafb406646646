// Goal: an EP group that hangs in its store, or whose event queue is full, delays no other
// group. Method: two rollout loops on one store whose calls for one of the groups block
// until the test lets them go; the other group takes a plan from offer to active meanwhile.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "core/base/check.h"
#include "core/store/in_memory_plan_store.h"
#include "daemon/control/rollout_loop.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/fake_group.h"

namespace ballast {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// Proposals of one group hang until Release().
class HangingStore final : public PlanStore {
 public:
  explicit HangingStore(std::string wedged) : wedged_(std::move(wedged)) {}

  void AwaitCall() { reached_.WaitForNotification(); }
  void Release() { released_.Notify(); }

  absl::StatusOr<std::uint64_t> BeginTerm() override { return store_.BeginTerm(); }
  absl::StatusOr<PlanVersion> Propose(const PlanRecord& record, std::uint64_t term) override {
    if (record.ep_group == wedged_) {
      reached_.Notify();
      released_.WaitForNotification();
    }
    return store_.Propose(record, term);
  }
  absl::Status Decide(absl::string_view group, PlanVersion version, std::uint64_t term,
                      absl::Time when) override {
    return store_.Decide(group, version, term, when);
  }
  absl::Status Abort(absl::string_view group, PlanVersion version, std::uint64_t term,
                     absl::string_view reason) override {
    return store_.Abort(group, version, term, reason);
  }
  absl::Status SetMembership(absl::string_view group, const GroupMembership& membership,
                             std::uint64_t term) override {
    return store_.SetMembership(group, membership, term);
  }
  absl::StatusOr<GroupMembership> Membership(absl::string_view group) const override {
    return store_.Membership(group);
  }
  absl::StatusOr<PlanRecord> LatestDecided(absl::string_view group) const override {
    return store_.LatestDecided(group);
  }
  absl::StatusOr<std::vector<PlanRecord>> Preparing(absl::string_view group) const override {
    return store_.Preparing(group);
  }
  absl::StatusOr<PlanRecord> Get(absl::string_view group, PlanVersion version) const override {
    return store_.Get(group, version);
  }
  absl::StatusOr<std::vector<PlanRecord>> History(absl::string_view group,
                                                  int limit) const override {
    return store_.History(group, limit);
  }
  absl::Status Prune(absl::string_view group, int keep, std::uint64_t term) override {
    return store_.Prune(group, keep, term);
  }
  absl::Status SetPause(absl::string_view group, const GroupPause& pause,
                        std::uint64_t term) override {
    return store_.SetPause(group, pause, term);
  }
  absl::StatusOr<GroupPause> Pause(absl::string_view group) const override {
    return store_.Pause(group);
  }
  absl::StatusOr<std::uint64_t> AppendDecision(const DecisionRecord& record, int keep,
                                               std::uint64_t term) override {
    return store_.AppendDecision(record, keep, term);
  }
  absl::Status UpdateDecisionOutcome(absl::string_view group, PlanVersion plan,
                                     absl::string_view outcome, std::uint64_t term) override {
    return store_.UpdateDecisionOutcome(group, plan, outcome, term);
  }
  absl::StatusOr<std::vector<DecisionRecord>> Decisions(absl::string_view group,
                                                        int limit) const override {
    return store_.Decisions(group, limit);
  }

 private:
  const std::string wedged_;
  InMemoryPlanStore store_;
  absl::Notification reached_;
  absl::Notification released_;
};

// One group with its four workers.
struct Group {
  Group(const std::string& name, PlanStore& store, std::uint64_t term) {
    config.name = name;
    std::string ignored;
    const absl::StatusOr<RolloutStart> start = RecoverGroup(config, store, term, &ignored);
    BALLAST_CHECK(start.ok());
    initial = start->decided;
    loop = std::make_unique<RolloutLoop>(RolloutLoop::Parts{config, store, observer, RealClock()},
                                         *start, term);
    for (int rank = 0; rank < 4; ++rank) {
      links.push_back(std::make_shared<RecordingLink>());
      SessionEvent event = EventOf(rank, SessionEvent::Kind::kHello);
      event.hello.rank = RankId(rank);
      event.hello.incarnation = 100 + rank;
      event.hello.active = initial;
      loop->Submit(std::move(event));
    }
    loop->RunOnceForTest();
  }

  SessionEvent EventOf(int rank, SessionEvent::Kind kind) const {
    SessionEvent event;
    event.rank = RankId(rank);
    event.kind = kind;
    event.link = links[rank];
    event.plan = initial;
    return event;
  }

  void Offer() { loop->Offer(ExchangedCandidate(config, initial)); }

  void AnswerAll(SessionEvent::Kind kind) {
    for (int rank = 0; rank < 4; ++rank) {
      SessionEvent event = EventOf(rank, kind);
      event.nonce = links[rank]->sent.back().nonce;
      event.plan = links[rank]->sent.back().plan;
      loop->Submit(std::move(event));
    }
    loop->RunOnceForTest();
  }

  GroupConfig config = SmallGroup();
  RecordingObserver observer;
  PlanId initial;
  std::vector<std::shared_ptr<RecordingLink>> links;
  std::unique_ptr<RolloutLoop> loop;
};

TEST(WedgedGroupTest, HangingStoreCallsAndAFullQueueDelayNoOtherGroup) {
  HangingStore store("wedged");
  const std::uint64_t term = *store.BeginTerm();
  Group wedged("wedged", store, term);
  Group healthy("healthy", store, term);
  wedged.Offer();
  wedged.loop->Start();
  store.AwaitCall();

  // Nobody takes events out of its queue now. What is too much ends the session, at once.
  int queued = 0;
  while (wedged.loop->Submit(wedged.EventOf(0, SessionEvent::Kind::kHeartbeat))) ++queued;
  EXPECT_GT(queued, 100);
  EXPECT_THAT(wedged.links[0]->closed, HasSubstr("sends faster than it is heard"));
  EXPECT_EQ(wedged.loop->View().connected, 4) << "the view answers all the same";

  healthy.Offer();
  healthy.loop->RunOnceForTest();
  healthy.AnswerAll(SessionEvent::Kind::kPrepared);
  healthy.AnswerAll(SessionEvent::Kind::kHeld);
  healthy.AnswerAll(SessionEvent::Kind::kActive);
  healthy.AnswerAll(SessionEvent::Kind::kRetired);
  EXPECT_THAT(healthy.observer.events, Contains("finished done"));
  EXPECT_TRUE(store.LatestDecided("healthy").ok());
  EXPECT_TRUE(store.Preparing("wedged")->empty()) << "the other group was not wedged at all";

  store.Release();
  wedged.loop->Stop("the test ends");
}

}  // namespace
}  // namespace ballast
