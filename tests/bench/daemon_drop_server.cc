#include "tests/bench/daemon_drop_server.h"

#include <grpcpp/grpcpp.h>

#include <cstdio>

#include "ballast/v1/load.grpc.pb.h"

namespace ballast {
namespace {

using Reactor = grpc::ServerBidiReactor<v1::Counters, v1::Credit>;

class DropReactor final : public Reactor {
 public:
  DropReactor() { StartRead(&in_); }
  void OnReadDone(bool ok) override {
    if (ok) {
      StartRead(&in_);
    } else {
      Finish(grpc::Status::OK);
    }
  }
  void OnDone() override { delete this; }

 private:
  v1::Counters in_;
};

class DropService final : public v1::Load::CallbackService {
 public:
  Reactor* Report(grpc::CallbackServerContext*) override { return new DropReactor; }
};

}  // namespace

int RunDropServer() {
  DropService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 256 << 10);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::fprintf(stderr, "%d is the port \n", port);
  server->Wait();
  return 0;
}

}  // namespace ballast
