#ifndef BALLAST_TESTS_CLIENT_FAKE_QUERY_H_
#define BALLAST_TESTS_CLIENT_FAKE_QUERY_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "ballast/v1/load.grpc.pb.h"
#include "ballast/v1/query.grpc.pb.h"
#include "core/base/check.h"

namespace ballast::ctl {

// Answers with what it was given, and keeps the last requests.
class FakeQuery final : public v1::Query::Service {
 public:
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::DaemonStatus* response) override {
    *response = status;
    return result;
  }
  grpc::Status Explain(grpc::ServerContext*, const v1::ExplainRequest*,
                       v1::Explanation* response) override {
    *response = explanation;
    return result;
  }
  grpc::Status GetLoad(grpc::ServerContext*, const v1::GetLoadRequest* request,
                       v1::GroupLoad* response) override {
    load_request = *request;
    *response = load;
    return result;
  }
  grpc::Status GetCoverage(grpc::ServerContext*, const v1::GetCoverageRequest* request,
                           v1::Coverage* response) override {
    coverage_request = *request;
    *response = coverage;
    return result;
  }
  grpc::Status GetHealth(grpc::ServerContext*, const v1::GetHealthRequest*,
                         v1::DaemonHealth* response) override {
    *response = health;
    return result;
  }

  v1::DaemonStatus status;
  v1::Explanation explanation;
  v1::GroupLoad load;
  v1::Coverage coverage;
  v1::DaemonHealth health;
  grpc::Status result;
  v1::GetLoadRequest load_request;
  v1::GetCoverageRequest coverage_request;
};

// Keeps the reports that it is sent. A report is turned away as long as `busy` is not 0.
class FakeLoad final : public v1::Load::Service {
 public:
  grpc::Status Report(grpc::ServerContext*,
                      grpc::ServerReaderWriter<v1::Credit, v1::Counters>* stream) override {
    v1::Counters report;
    while (stream->Read(&report)) {
      v1::Credit credit;
      credit.set_reject(reject);
      {
        absl::MutexLock lock(&mutex_);
        if (busy > 0) {
          --busy;
        } else {
          reports_[report.rank()].push_back(report);
          credit.set_accepted_sequence(report.sequence());
        }
      }
      stream->Write(credit);
    }
    return grpc::Status::OK;
  }

  // By rank, in the order they came.
  std::map<std::uint32_t, std::vector<v1::Counters>> reports() {
    absl::MutexLock lock(&mutex_);
    return reports_;
  }

  std::string reject;
  int busy = 0;

 private:
  absl::Mutex mutex_;
  std::map<std::uint32_t, std::vector<v1::Counters>> reports_ ABSL_GUARDED_BY(mutex_);
};

// Both services on a free port of loopback.
struct FakeDaemon {
  FakeDaemon() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&query);
    builder.RegisterService(&load);
    server = builder.BuildAndStart();
    BALLAST_CHECK(server != nullptr);
    address = absl::StrCat("127.0.0.1:", port);
  }

  FakeQuery query;
  FakeLoad load;
  std::string address;
  std::unique_ptr<grpc::Server> server;
};

}  // namespace ballast::ctl

#endif  // BALLAST_TESTS_CLIENT_FAKE_QUERY_H_
