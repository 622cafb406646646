// Ranks that leave a group and come back, as its rollout loop sees them.
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/rollout_loop_fixture.h"

namespace ballast {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MembershipTest : public RolloutLoopTest {
 protected:
  void SayGoodbye(int rank) {
    SessionEvent event = EventOf(rank, SessionEvent::Kind::kGoodbye);
    event.nack.detail = "node 7 is repaired";
    loop_->Submit(std::move(event));
    loop_->RunOnceForTest();
  }

  void Join(int rank, std::uint64_t incarnation, std::uint64_t membership_gen = 0) {
    links_[rank] = std::make_shared<RecordingLink>();
    SessionEvent event = EventOf(rank, SessionEvent::Kind::kHello);
    event.hello.rank = RankId(rank);
    event.hello.incarnation = incarnation;
    event.hello.active = active_;
    event.membership_gen = membership_gen;
    loop_->Submit(std::move(event));
    loop_->RunOnceForTest();
  }
};

TEST_F(MembershipTest, AGoodbyeIsStoredToldToAllAndAnswered) {
  ConnectAll();
  SayGoodbye(2);
  EXPECT_EQ(*store_.Membership("demo"), (GroupMembership{1, {RankId(2)}}));
  const RolloutView view = loop_->View();
  EXPECT_EQ(view.workers[2].state, RankState::kLeft);
  EXPECT_EQ(view.workers[2].detail, "node 7 is repaired");
  EXPECT_EQ(view.connected, 3);
  EXPECT_EQ(view.membership_gen, 1);
  EXPECT_EQ(view.waiting_for, "rank 2 left");
  EXPECT_FALSE(loop_->Facts().all_connected);
  EXPECT_THAT(observer_.workers, Contains("rank 2 left"));
  EXPECT_EQ(links_[2]->closed, "rank 2 has left the group");
  EXPECT_EQ(links_[2]->stay_away, absl::InfiniteDuration());
  for (const int rank : {0, 1, 3}) {
    ASSERT_FALSE(links_[rank]->sent.empty());
    EXPECT_EQ(links_[rank]->sent.back().kind, WorkerCommand::Kind::kMembership);
    EXPECT_EQ(links_[rank]->sent.back().membership_gen, 1);
  }
  Offer(Candidate());
  EXPECT_THAT(observer_.events, Contains("finished refused: rank 2 left"));
  EXPECT_TRUE(observer_.pushes.empty());
}

TEST_F(MembershipTest, TheRankIsTakenBackUnderANewGenerationAndPlansGoOn) {
  ConnectAll();
  SayGoodbye(2);
  Join(2, 900, 1);
  EXPECT_EQ(*store_.Membership("demo"), (GroupMembership{2, {}}));
  EXPECT_EQ(loop_->View().workers[2].state, RankState::kSynced);
  EXPECT_THAT(observer_.workers, Contains("rank 2 joined"));
  for (const auto& link : links_) {
    EXPECT_EQ(link->sent.back().kind, WorkerCommand::Kind::kMembership);
    EXPECT_EQ(link->sent.back().membership_gen, 2);
  }
  Offer(Candidate());
  for (const auto& link : links_) {
    EXPECT_EQ(link->sent.back().kind, WorkerCommand::Kind::kPrepare);
    EXPECT_EQ(link->sent.back().membership_gen, 2);
  }
  AnswerAll(SessionEvent::Kind::kPrepared);
  EXPECT_EQ(loop_->View().phase, PlanPhase::kCommitting);
}

TEST_F(MembershipTest, ALeaveAndAReturnReachAMomentEach) {
  ConnectAll();
  SayGoodbye(2);
  EXPECT_THAT(moments_.reached, ElementsAre("membership.stored"));
  Join(2, 900, 1);
  EXPECT_THAT(moments_.reached, ElementsAre("membership.stored", "membership.stored"));
}

TEST_F(MembershipTest, ALostRankHasNotLeft) {
  ConnectAll();
  loop_->Submit(EventOf(2, SessionEvent::Kind::kDisconnect));
  loop_->RunOnceForTest();
  EXPECT_EQ(loop_->View().workers[2].state, RankState::kGone);
  EXPECT_EQ(loop_->View().waiting_for, "rank 2 missing");
  Connect(2, 900);
  EXPECT_EQ(loop_->View().membership_gen, 0);
  EXPECT_TRUE(links_[2]->sent.empty());
}

TEST_F(MembershipTest, WhoHasLeftOutlivesTheDaemon) {
  ConnectAll();
  SayGoodbye(2);
  Restart();
  EXPECT_EQ(loop_->View().workers[2].state, RankState::kLeft);
  Join(0, 100, 1);
  EXPECT_TRUE(links_[0]->sent.empty());  // It knows the generation.
  Join(1, 101, 0);
  ASSERT_EQ(links_[1]->sent.size(), 1);
  EXPECT_EQ(links_[1]->sent[0].membership_gen, 1);
  Join(2, 900, 1);
  EXPECT_EQ(loop_->View().membership_gen, 2);
  EXPECT_EQ(loop_->View().workers[2].state, RankState::kSynced);
}

TEST_F(MembershipTest, TheGenerationNeverFallsBehindThatOfTheWorkers) {
  ConnectAll();
  Join(3, 900, 7);
  ASSERT_EQ(loop_->View().membership_gen, 7);
  EXPECT_EQ(links_[0]->sent.back().membership_gen, 7);
  EXPECT_EQ(store_.Membership("demo")->generation, 7);
}

// One worker with a damaged number must not use up the numbers of all.
TEST_F(MembershipTest, AGenerationThatCanNotBeIsRefusedAndChangesNothing) {
  ConnectAll();
  for (const std::uint64_t impossible :
       {std::numeric_limits<std::uint64_t>::max(), (std::uint64_t{1} << 32) + 1}) {
    Join(3, 900, impossible);
    EXPECT_THAT(links_[3]->closed, HasSubstr(absl::StrCat("rank 3: knows membership generation ",
                                                          impossible, ", this store has 0")));
    EXPECT_THAT(observer_.workers, Contains("rank 3 refused_membership"));
    ASSERT_TRUE(loop_->View().workers[3].refused.has_value());
    EXPECT_THAT(loop_->View().workers[3].refused->reason, HasSubstr("membership generation"));
    EXPECT_EQ(store_.Membership("demo")->generation, 0);
    EXPECT_EQ(loop_->View().membership_gen, 0);
    EXPECT_EQ(loop_->View().workers[3].incarnation, 103);  // The session that was there stays.
  }
  Join(3, 901, std::uint64_t{1} << 32);
  EXPECT_EQ(loop_->View().membership_gen, std::uint64_t{1} << 32);
  SayGoodbye(2);
  EXPECT_EQ(links_[2]->closed, "rank 2 has left the group");
}

TEST_F(MembershipTest, ALeaveThatIsNotStoredIsNone) {
  ConnectAll();
  ASSERT_EQ(*store_.BeginTerm(), 2);
  SayGoodbye(2);
  EXPECT_THAT(observer_.events, Contains("store failed: membership"));
  EXPECT_NE(links_[2]->stay_away, absl::InfiniteDuration());
  EXPECT_TRUE(store_.Membership("demo")->left.empty());
}

}  // namespace
}  // namespace ballast
