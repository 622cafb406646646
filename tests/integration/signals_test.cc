// Goal: signals of an operator. Method: a daemon without workers, its log.

#include <signal.h>

#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

constexpr char kConfig[] = R"(
grpc: {listen: "127.0.0.1:0"}
http: {listen: ""}
store: {kind: memory}
groups:
  - name: demo
    model: {layers: 1, experts: 4, top_k: 1}
    ranks: 2
    row_size: 2
    slots_per_rank: 2
)";

TEST(SignalsTest, Usr1CyclesTheLogLevelAndTermEndsAllTheSame) {
  const std::string folder = MakeTempFolder("signals");
  std::ofstream(folder + "/ballastd.yaml") << kConfig;
  auto daemon =
      ChildProcess::Start({BALLAST_BINARY_DIR "/ballastd", "--config", folder + "/ballastd.yaml"},
                          folder + "/ballastd");
  ASSERT_TRUE(daemon->WaitForErr("event=daemon.ready", 30)) << daemon->Err();
  for (const char* level : {"debug", "trace", "info"}) {
    daemon->Signal(SIGUSR1);
    EXPECT_TRUE(daemon->WaitForErr(std::string("event=log.level now=") + level, 30))
        << daemon->Err();
  }
  daemon->Signal(SIGTERM);
  EXPECT_EQ(daemon->Wait(45), 0) << daemon->Err();
}

}  // namespace
}  // namespace ballast
