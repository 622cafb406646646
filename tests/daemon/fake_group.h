#ifndef BALLAST_TESTS_DAEMON_FAKE_GROUP_H_
#define BALLAST_TESTS_DAEMON_FAKE_GROUP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/model/placement_plan.h"
#include "daemon/control/group_config.h"
#include "daemon/control/group_observer.h"
#include "daemon/control/plan_publisher.h"
#include "daemon/control/worker_link.h"

namespace ballast {

// Two rows of two ranks with two slots each; one layer of four experts.
inline GroupConfig SmallGroup() {
  ModelShape shape;
  shape.num_layers = 1;
  shape.num_experts = 4;
  shape.top_k = 1;
  shape.expert_bytes = 1000;
  GroupConfig config{"demo", shape, *Topology::Uniform(4, 2, 2), "eplb", {}, {}, {}, {}};
  config.load.batch_steps = 1;
  config.policy.solve_every_steps = 1;
  config.policy.min_batches = 1;
  config.policy.min_interval = absl::ZeroDuration();
  return config;
}

// The initial plan with the experts of two slots of layer 0 exchanged, to be put on top of `base`.
inline PlanCandidate ExchangedCandidate(const GroupConfig& config, const PlanId& base) {
  PlacementPlan plan = InitialPlan(config.shape, config.topology);
  std::swap(plan.expert_in_slot[0], plan.expert_in_slot[2]);
  PlanCandidate candidate;
  candidate.record.base = base;
  candidate.record.digest = PlanDigest(config.shape, plan);
  candidate.record.planner = "eplb";
  candidate.record.moved_slots = 2;
  candidate.plan = std::make_shared<const PlacementPlan>(std::move(plan));
  return candidate;
}

// Keeps what happened, as text.
class RecordingObserver : public GroupObserver {
 public:
  void OnReport(const std::string&, const char* result, std::uint64_t picks) override {
    reports.push_back({result, picks});
  }
  void OnSolve(const std::string&, const SolveRecord& record) override { solves.push_back(record); }
  void OnSolveFailed(const std::string&, const absl::Status& status) override {
    events.push_back("solve failed: " + std::string(status.message()));
  }
  void OnPlan(const std::string&, const char* event, const PlanId&, absl::Duration) override {
    events.push_back(event);
  }
  void OnActive(const std::string&, const PlanId&, const SolveRecord&, absl::Duration) override {
    events.push_back("active");
  }
  void OnPlanFinished(const std::string&, const PlanId&, const std::string& outcome) override {
    events.push_back("finished " + outcome);
  }
  void OnPush(const std::string&, RankId rank, const PlanId&) override {
    pushes.push_back(rank.value);
  }
  void OnSlowConsumer(const std::string&, RankId rank, const std::string& detail) override {
    events.push_back("rank " + std::to_string(rank.value) + " slow: " + detail);
  }
  void OnWorker(const std::string&, RankId rank, const char* event, const std::string&) override {
    workers.push_back("rank " + std::to_string(rank.value) + " " + event);
  }
  void OnNack(const std::string&, RankId, const Nack& nack) override {
    events.push_back(std::string("nack ") + NackCodeName(nack.code));
  }
  void OnDigestDisagreements(const std::string&, RankId, std::uint64_t votes) override {
    disagreements += votes;
  }
  void OnStoreCall(const char* call, const absl::Status& status, absl::Duration) override {
    if (!status.ok()) events.push_back(std::string("store failed: ") + call);
  }

  std::vector<std::pair<std::string, std::uint64_t>> reports;
  std::vector<SolveRecord> solves;
  std::vector<std::string> events;
  std::vector<std::string> workers;
  std::vector<int> pushes;
  std::uint64_t disagreements = 0;
};

// A session that only remembers.
class RecordingLink final : public WorkerLink {
 public:
  bool Send(const WorkerCommand& command) override {
    sent.push_back(command);
    return true;
  }
  using WorkerLink::Close;
  void Close(const std::string& reason, absl::Duration away) override {
    closed = reason;
    stay_away = away;
  }
  std::uint64_t WriteUnderWay() const override { return write; }
  void Abandon() override { ++abandoned; }

  std::vector<WorkerCommand> sent;
  std::string closed;
  absl::Duration stay_away;
  std::uint64_t write = 0;  // Under way.
  int abandoned = 0;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_DAEMON_FAKE_GROUP_H_
