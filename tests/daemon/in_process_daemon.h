#ifndef BALLAST_TESTS_DAEMON_IN_PROCESS_DAEMON_H_
#define BALLAST_TESTS_DAEMON_IN_PROCESS_DAEMON_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "daemon/app/daemon.h"
#include "tests/integration/child_process.h"

namespace ballast {

// A layer of 4 experts on 2 ranks with 2 slots each, plans in memory, ports that the system
// chooses. More groups may follow.
inline constexpr char kSmallConfig[] = R"(
grpc: {listen: "127.0.0.1:0"}
http: {listen: "127.0.0.1:0"}
store: {kind: memory}
log: {level: error}
groups:
  - name: demo
    model: {layers: 1, experts: 4, top_k: 1}
    ranks: 2
    row_size: 2
    slots_per_rank: 2
)";

// A whole daemon in this process, on the real clock, that logs errors only.
class InProcessDaemon {
 public:
  explicit InProcessDaemon(const Config& config) : config_(config) {
    daemon_ = *Daemon::Start(config_, log_, RealClock());
  }
  explicit InProcessDaemon(const std::string& config = kSmallConfig)
      : InProcessDaemon(*ParseConfig(config)) {}

  Daemon* operator->() { return daemon_.get(); }
  void End() { daemon_.reset(); }
  EventLog& log() { return log_; }

  const Config& config() const { return config_; }
  const GroupConfig& group() const { return config_.groups[0]; }
  PlanId initial_plan() const {
    return PlanIdOf(group().shape, InitialPlan(group().shape, group().topology));
  }

  std::string Address() const { return absl::StrCat("127.0.0.1:", daemon_->grpc_port()); }
  // Channels with the same arguments share one connection.
  std::shared_ptr<grpc::Channel> Channel(const grpc::ChannelArguments& arguments = {}) const {
    return grpc::CreateCustomChannel(Address(), grpc::InsecureChannelCredentials(), arguments);
  }
  // A connection of its own, without gRPC's probes of the bandwidth.
  std::shared_ptr<grpc::Channel> OwnChannel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    return Channel(arguments);
  }
  // Answer, headers included, of its HTTP server.
  std::string Http(const std::string& path) const { return HttpGet(daemon_->http_port(), path); }

 private:
  EventLog log_{"error", false};
  const Config config_;
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_DAEMON_IN_PROCESS_DAEMON_H_
