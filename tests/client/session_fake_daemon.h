#ifndef BALLAST_TESTS_CLIENT_SESSION_FAKE_DAEMON_H_
#define BALLAST_TESTS_CLIENT_SESSION_FAKE_DAEMON_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "ballast/v1/load.grpc.pb.h"
#include "ballast/v1/placement.grpc.pb.h"
#include "core/base/clock.h"
#include "proto/wire/session_wire.h"
#include "tests/base/patience.h"

namespace ballast {

// Long enough for a loaded machine; a passing test never waits for it.
inline const absl::Duration kPatience = Patience(absl::Seconds(60));

// A daemon without a mind: real gRPC on a free port, it records what workers say and
// sends what the test tells it to. One worker at a time per service method is
// remembered as the newest. Thread-safe.
class FakeDaemon final : public v1::Placement::Service, public v1::Load::Service {
 public:
  struct Options {
    std::uint64_t term = 1;
    absl::Duration heartbeat_period = absl::Milliseconds(20);
    absl::Duration report_period = absl::Milliseconds(20);
    bool says_welcome = true;
    bool reads_after_hello = true;  // False: a peer that has stopped.
    absl::Duration credit_period;   // Asked for in each credit; 0: not.
    bool reads_reports = true;
    bool ends_load_streams = false;           // Each ends after its first report.
    bool accepts_reports = true;              // False: each credit says "not wanted".
    grpc::Status refuses = grpc::Status::OK;  // Not OK: the answer to a Hello.
    int port = 0;                             // 0: any free one.
  };

  explicit FakeDaemon(Options options) : options_(std::move(options)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", options_.port),
                             grpc::InsecureServerCredentials(), &port_);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
    builder.RegisterService(static_cast<v1::Placement::Service*>(this));
    builder.RegisterService(static_cast<v1::Load::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  FakeDaemon() : FakeDaemon(Options{}) {}
  ~FakeDaemon() override { Stop(); }

  // Cuts all streams, as a crash would.
  void Stop() {
    if (server_ == nullptr) return;
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    server_->Shutdown(absl::ToChronoTime(absl::UnixEpoch()));  // Already past: at once.
    server_->Wait();
    server_.reset();
  }

  int port() const { return port_; }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  struct Log {
    std::vector<v1::Hello> hellos;
    std::vector<v1::Status> answers;
    std::vector<std::string> goodbyes;
    std::vector<v1::Heartbeat> heartbeats;
    std::vector<v1::Counters> reports;
    int sessions_ended = 0;
  };

  // Waits until `condition` holds for what was recorded; false after kPatience.
  bool Await(const std::function<bool(const Log&)>& condition) {
    absl::MutexLock lock(&mutex_);
    const auto holds = [&] { return condition(log_); };
    return RealClock().WaitUntil(mutex_, absl::Condition(&holds), RealClock().Uptime() + kPatience);
  }
  Log log() {
    absl::MutexLock lock(&mutex_);
    return log_;
  }

  // To the newest session; false if there is none.
  bool Send(const v1::DaemonMessage& message) {
    absl::MutexLock lock(&mutex_);
    return session_ != nullptr && session_->Write(message);
  }
  bool SendPrepare(const PrepareOrder& order) {
    v1::DaemonMessage message;
    EncodePrepare(order, message.mutable_prepare());
    return Send(message);
  }
  bool SendCommit(const PlanOrder& order) {
    v1::DaemonMessage message;
    EncodeCommit(order, message.mutable_commit());
    return Send(message);
  }
  bool SendAbort(const PlanOrder& order) {
    v1::DaemonMessage message;
    EncodeAbort(order, message.mutable_abort());
    return Send(message);
  }
  bool SendRetire(const PlanOrder& order) {
    v1::DaemonMessage message;
    EncodeRetire(order, message.mutable_retire());
    return Send(message);
  }

  // Waits for an answer to `nonce` in this phase and returns it; a default one if none comes.
  std::string AwaitGoodbye() {
    std::string reason;
    Await([&](const Log& log) {
      if (!log.goodbyes.empty()) reason = log.goodbyes.back();
      return !log.goodbyes.empty();
    });
    return reason;
  }
  v1::Status AwaitAnswer(std::uint64_t nonce, v1::WorkerPhase phase) {
    v1::Status found;
    Await([&](const Log& log) {
      for (const v1::Status& answer : log.answers) {
        if (answer.nonce() == nonce && answer.phase() == phase) {
          found = answer;
          return true;
        }
      }
      return false;
    });
    return found;
  }

 private:
  using SessionStream = grpc::ServerReaderWriter<v1::DaemonMessage, v1::WorkerMessage>;
  using LoadStream = grpc::ServerReaderWriter<v1::Credit, v1::Counters>;

  grpc::Status Session(grpc::ServerContext* context, SessionStream* stream) override {
    v1::WorkerMessage message;
    while (stream->Read(&message)) {
      absl::MutexLock lock(&mutex_);
      if (message.has_hello()) {
        log_.hellos.push_back(message.hello());
        if (!options_.refuses.ok()) return options_.refuses;
        session_ = stream;
        if (options_.says_welcome) Welcome(stream);
        if (!options_.reads_after_hello) {
          mutex_.Await(absl::Condition(
              +[](FakeDaemon* daemon) { return daemon->stopping_; }, this));
        }
      }
      if (message.has_goodbye()) log_.goodbyes.push_back(message.goodbye().reason());
      if (message.has_status()) log_.answers.push_back(message.status());
      if (message.has_heartbeat()) log_.heartbeats.push_back(message.heartbeat());
      if (context->IsCancelled()) break;
    }
    absl::MutexLock lock(&mutex_);
    if (session_ == stream) session_ = nullptr;
    ++log_.sessions_ended;
    return grpc::Status::OK;
  }

  void Welcome(SessionStream* stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    v1::DaemonMessage message;
    EncodeWelcome({options_.term, 1, "fake", options_.heartbeat_period, options_.report_period},
                  message.mutable_welcome());
    stream->Write(message);
  }

  grpc::Status Report(grpc::ServerContext*, LoadStream* stream) override {
    v1::Counters counters;
    if (!options_.reads_reports) {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](FakeDaemon* daemon) { return daemon->stopping_; }, this));
    }
    while (stream->Read(&counters)) {
      v1::Credit credit;
      credit.set_next_period_ms(
          static_cast<std::uint32_t>(absl::ToInt64Milliseconds(options_.credit_period)));
      if (options_.accepts_reports) {
        credit.set_accepted_sequence(counters.sequence());
      } else {
        credit.set_reject("not wanted");
      }
      {
        absl::MutexLock lock(&mutex_);
        log_.reports.push_back(counters);
      }
      stream->Write(credit);
      if (options_.ends_load_streams) {
        return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "full");
      }
    }
    return grpc::Status::OK;
  }

  const Options options_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  absl::Mutex mutex_;
  Log log_ ABSL_GUARDED_BY(mutex_);
  SessionStream* session_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_CLIENT_SESSION_FAKE_DAEMON_H_
