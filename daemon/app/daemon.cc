#include "daemon/app/daemon.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/codegen/service_type.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/fingerprint.h"
#include "core/base/status_macros.h"
#include "core/store/in_memory_plan_store.h"
#include "daemon/admin/admin_server.h"
#include "daemon/admin/admin_service.h"
#include "daemon/admin/api_service.h"
#include "daemon/admin/http_server.h"
#include "daemon/admin/query_service.h"
#include "daemon/admin/self_probe.h"
#include "daemon/admin/status_report.h"
#include "daemon/app/process_crash.h"
#include "daemon/app/status_line.h"
#include "daemon/app/store_lock.h"
#include "daemon/control/group_directory.h"
#include "daemon/ingest/load_service.h"
#include "daemon/observe/disk_space.h"
#include "daemon/observe/event_observer.h"
#include "daemon/observe/fan_out_observer.h"
#include "daemon/observe/metrics.h"
#include "daemon/observe/store_health.h"
#include "daemon/publish/placement_service.h"
#include "daemon/store/sqlite_plan_store.h"

namespace ballast {
namespace {

// Chosen: a report of 58 x 256 64-bit counters is 119 KB; the placement of the largest
// fleet, 61 x 1024 slots of two u16 each, 250 KB.
constexpr int kMaxMessageBytes = 4 << 20;

// Chosen: two reports of 58 x 256 64-bit counters.
constexpr int kStreamWindowBytes = 256 << 10;

// Two loops of one group and what they stand on; the order is that of construction.
struct Group {
  explicit Group(GroupConfig first) : config(std::move(first)) {}

  LiveGroupConfig config;
  std::unique_ptr<RolloutLoop> rollout;
  std::unique_ptr<ControlLoop> control;
};

// A full disk is the store's matter; ResourceExhausted says that an address is taken.
absl::Status OfStore(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? absl::UnavailableError(status.message()) : status;
}

// `group` with what the process says of all sessions.
GroupConfig WithSession(GroupConfig group, const Config& config) {
  group.session = {config.heartbeat_period, config.write_deadline, config.report_period};
  return group;
}

class RunningDaemon final : public Daemon {
 public:
  RunningDaemon(Config config, EventLog& log, Clock& clock)
      : config_(std::move(config)),
        log_(log),
        clock_(clock),
        operations_(clock),
        event_observer_(log) {}

  ~RunningDaemon() override { Drain(); }

  absl::Status Open() {
    BALLAST_ASSIGN_OR_RETURN(crash_points_, CrashPointsOfEnvironment());
    BALLAST_RETURN_IF_ERROR(OfStore(OpenStore()));
    metrics_ = std::make_unique<Metrics>(term_, grpc::Version(), clock_);
    metrics_->SetStoreSpace(StoreSpace());
    observer_ = std::make_unique<FanOutObserver>(
        std::vector<GroupObserver*>{metrics_.get(), &event_observer_, &store_health_});
    for (const GroupConfig& group : config_.groups) {
      BALLAST_RETURN_IF_ERROR(OpenGroup(group));
    }
    std::vector<GroupHandle> handles;
    for (const std::unique_ptr<Group>& group : groups_) {
      handles.push_back(
          {GroupConfigView(group->config), group->control.get(), group->rollout.get()});
      metrics_->AddGroup({group->config.current().name, &group->config.current(),
                          group->control.get(), group->rollout.get()});
    }
    directory_ = std::make_unique<GroupDirectory>(std::move(handles));
    self_probe_ = std::make_unique<SelfProbe>(
        SelfProbe::Parts{[this] { return listener_->Probe(SelfProbe::kPeriod); },
                         [this](bool answered) { metrics_->OnSelfProbe(answered); },
                         [this] { UpdateServing(); }, clock_});
    status_ = std::make_unique<StatusReport>(
        StatusReportParts{*directory_, *store_, store_health_, StoreSpace(),
                          [this] { return self_probe_->State(); }, term_, clock_});
    for (const std::unique_ptr<Group>& group : groups_) {
      group->rollout->Start();
      group->control->Start();
    }
    BALLAST_RETURN_IF_ERROR(Serve());
    BALLAST_RETURN_IF_ERROR(ServeAdmin());
    self_probe_->Start();
    return ServeHttp();
  }

  int grpc_port() const override { return grpc_port_; }
  int http_port() const override { return http_ == nullptr ? 0 : http_->port(); }

  absl::Status Fault() const override { return store_->WriteFault(); }

  absl::Status Liveness() const override {
    for (const HealthCheck& check : status_->Liveness()) {
      if (!check.ok) return absl::UnavailableError(absl::StrCat(check.name, " ", check.detail));
    }
    return absl::OkStatus();
  }

  std::string StatusLine() const override {
    std::string line = LeaderStatusText(term_, store_health_.Deposed());
    for (const GroupHandle& group : directory_->all()) {
      absl::StrAppend(&line, "; ",
                      GroupStatusText(*group.config, group.rollout->View(), clock_.Uptime()));
    }
    return line;
  }

  void Reconfigure(const Config& config) override {
    for (const GroupConfig& next : config.groups) {
      for (const std::unique_ptr<Group>& group : groups_) {
        if (group->config.current().name != next.name) continue;
        group->config.Replace(WithSession(next, config));
        group->rollout->Reconfigure(group->config.current());
        group->control->Reconfigure(group->config.current());
      }
    }
  }

  void NoteReload(bool taken) override {
    metrics_->OnConfigReload(taken);
    status_->OnConfigReload(taken);
  }

 private:
  absl::Status OpenStore() {
    if (config_.store_kind == StoreKind::kMemory) {
      store_ = std::make_unique<InMemoryPlanStore>();
      BALLAST_ASSIGN_OR_RETURN(term_, store_->BeginTerm());
      return absl::OkStatus();
    }
    BALLAST_ASSIGN_OR_RETURN(lock_, StoreLock::Take(config_.store_path));
    BALLAST_ASSIGN_OR_RETURN(store_, SqlitePlanStore::Open(config_.store_path));
    BALLAST_ASSIGN_OR_RETURN(term_, store_->BeginTerm());
    return absl::OkStatus();
  }

  // Workers that run a plan that was damaged are ahead of the store from now on.
  absl::Status NameDamage(const std::string& group) {
    BALLAST_ASSIGN_OR_RETURN(const std::vector<std::string> findings,
                             store_->SetDamagedAside(group, term_));
    for (const std::string& finding : findings) {
      log_.Write(Severity::kError, "store.plan_damaged", {{"group", group}, {"detail", finding}});
      metrics_->OnStoreCall("recover", absl::DataLossError(finding), absl::ZeroDuration());
    }
    return absl::OkStatus();
  }

  // Free bytes where the store is; empty for a store in memory.
  std::function<absl::StatusOr<std::int64_t>()> StoreSpace() const {
    if (config_.store_kind == StoreKind::kMemory) return nullptr;
    return [path = config_.store_path] { return FreeBytes(path); };
  }

  absl::Status OpenGroup(const GroupConfig& config) {
    auto group = std::make_unique<Group>(WithSession(config, config_));
    BALLAST_RETURN_IF_ERROR(OfStore(NameDamage(config.name)));
    std::string ignored;
    BALLAST_ASSIGN_OR_RETURN(const RolloutStart start,
                             RecoverGroup(config, *store_, term_, &ignored));
    if (start.pause.paused) {
      log_.Write(
          Severity::kWarn, "group.paused",
          {{"group", config.name}, {"who", start.pause.who}, {"reason", start.pause.reason}});
    }
    if (!ignored.empty()) {
      log_.Write(Severity::kWarn, "store.plan_ignored",
                 {{"group", config.name}, {"reason", ignored}});
    }
    group->rollout =
        std::make_unique<RolloutLoop>(RolloutLoop::Parts{group->config.current(), *store_,
                                                         *observer_, clock_, crash_points_.get()},
                                      start, term_);
    group->control =
        std::make_unique<ControlLoop>(group->config.current(), *group->rollout, *observer_, clock_);
    log_.Write(Severity::kInfo, "group.recovered",
               {{"group", config.name}, {"plan", PlanIdText(start.decided)}});
    groups_.push_back(std::move(group));
    return absl::OkStatus();
  }

  absl::Status Serve() {
    placement_ =
        MakePlacementService(*directory_, log_, {term_, daemon_id_, config_.heartbeat_period});
    load_ = MakeLoadService(*directory_, log_);
    query_ = MakeQueryService(QueryParts());
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.AddListeningPort(config_.grpc_listen, grpc::InsecureServerCredentials(), &grpc_port_);
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    // Dead peers are noticed within 15 s; see docs/protocol.md.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
    // Reports are small and come from near: a fixed window saves the probe, two packets a report.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kStreamWindowBytes);
    // A second daemon on the port must fail, not share it.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetOption(WithoutReflection());
    builder.RegisterService(placement_.get());
    builder.RegisterService(load_.get());
    builder.RegisterService(query_.get());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || grpc_port_ == 0) {
      return absl::ResourceExhaustedError(absl::StrCat("cannot listen on grpc ",
                                                       config_.grpc_listen,
                                                       ": address in use or not of this machine"));
    }
    BALLAST_ASSIGN_OR_RETURN(listener_, ListenerAddress::Resolve(config_.grpc_listen, grpc_port_));
    UpdateServing();
    return absl::OkStatus();
  }

  QueryServiceParts QueryParts() {
    QueryServiceParts parts{*directory_, *store_, clock_, term_, daemon_id_, started_};
    if (config_.store_kind == StoreKind::kSqlite) parts.store_path = config_.store_path;
    parts.readiness = [this] { return status_->Readiness(); };
    parts.leads = [this] { return status_->Leads(); };
    parts.deposed = [this] { return store_health_.Deposed(); };
    return parts;
  }

  // What grpc.health.v1 tells of each service. A service it does not know yet is unknown, so
  // that the first call sets all. Not from two threads at once: Open(), then the probe's
  // thread, then Drain().
  void UpdateServing() {
    grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
    if (health == nullptr) return;
    const std::map<std::string, bool> serving = {{"", !status_->draining()},
                                                 {"ballast.v1.Placement", status_->Leads()},
                                                 {"ballast.v1.Load", status_->Leads()},
                                                 {"ballast.v1.Query", !status_->draining()}};
    for (const auto& [service, serves] : serving) {
      const auto known = serving_.find(service);
      if (known != serving_.end() && known->second == serves) continue;
      health->SetServingStatus(service, serves);
    }
    serving_ = serving;
  }

  // The query service too, as a service belongs to one server.
  absl::Status ServeAdmin() {
    if (config_.admin_socket.empty()) return absl::OkStatus();
    BALLAST_ASSIGN_OR_RETURN(audit_, AuditLog::Open(config_.admin_audit_path, log_));
    admin_ = MakeAdminService({*directory_, operations_, *audit_, log_, clock_});
    local_query_ = MakeQueryService(QueryParts());
    BALLAST_ASSIGN_OR_RETURN(admin_server_, AdminServer::Start(config_.admin_socket,
                                                               {admin_.get(), local_query_.get()}));
    return absl::OkStatus();
  }

  absl::Status ServeHttp() {
    if (config_.http_listen.empty()) return absl::OkStatus();
    HttpContent content;
    content.metrics = [this] { return metrics_->Scrape(); };
    content.liveness = [this] { return status_->Liveness(); };
    content.readiness = [this] { return status_->Readiness(); };
    content.api = [parts = QueryParts()](const std::string& path, const std::string& query) {
      return AnswerApi(parts, path, query);
    };
    absl::StatusOr<std::unique_ptr<HttpServer>> server =
        HttpServer::Start(config_.http_listen, std::move(content));
    if (!server.ok()) return absl::ResourceExhaustedError(server.status().message());
    http_ = *std::move(server);
    return absl::OkStatus();
  }

  void Drain() {
    if (status_ != nullptr) status_->SetDraining();
    if (self_probe_ != nullptr) self_probe_->Stop();
    if (server_ != nullptr && status_ != nullptr) UpdateServing();
    operations_.Close();
    for (const std::unique_ptr<Group>& group : groups_) {
      if (group->control != nullptr) group->control->Stop();
      if (group->rollout != nullptr) group->rollout->Stop("the daemon ends");
    }
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
      server_->Wait();
    }
    admin_server_.reset();
    http_.reset();
  }

  const Config config_;
  EventLog& log_;
  Clock& clock_;
  const std::string daemon_id_ = absl::StrCat("ballastd-", absl::Hex(RandomSeed()));
  const absl::Duration started_ = clock_.Uptime();
  std::uint64_t term_ = 0;
  std::unique_ptr<CrashPoints> crash_points_;  // Null but in tests.
  OperationRegistry operations_;               // Outlives the loops, which hold its tickets.
  std::unique_ptr<StoreLock> lock_;
  std::unique_ptr<PlanStore> store_;
  std::unique_ptr<Metrics> metrics_;
  EventObserver event_observer_;
  StoreHealth store_health_;
  std::unique_ptr<FanOutObserver> observer_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::unique_ptr<GroupDirectory> directory_;
  std::unique_ptr<StatusReport> status_;
  std::optional<ListenerAddress> listener_;
  std::unique_ptr<SelfProbe> self_probe_;
  std::map<std::string, bool> serving_;  // As grpc.health.v1 was told.
  std::unique_ptr<grpc::Service> placement_;
  std::unique_ptr<grpc::Service> load_;
  std::unique_ptr<grpc::Service> query_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<grpc::Service> admin_;
  std::unique_ptr<grpc::Service> local_query_;
  int grpc_port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<AdminServer> admin_server_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Config& config, EventLog& log,
                                                      Clock& clock) {
  auto daemon = std::make_unique<RunningDaemon>(config, log, clock);
  const absl::Status status = daemon->Open();
  if (!status.ok()) return status;
  return daemon;
}

}  // namespace ballast
