// Goal: signals of an operator. Method: a daemon without workers, its log.

#include <signal.h>

#include <string>

#include "gtest/gtest.h"
#include "tests/integration/test_daemon.h"

namespace ballast {
namespace {

TEST(SignalsTest, Usr1CyclesTheLogLevelAndTermEndsAllTheSame) {
  TestDaemon daemon("signals", {.store = ""});
  ASSERT_TRUE(daemon.Start());
  for (const char* level : {"debug", "trace", "info"}) {
    daemon.Signal(SIGUSR1);
    EXPECT_TRUE(daemon.AwaitInLog(std::string("event=log.level now=") + level));
  }
  EXPECT_EQ(daemon.End(SIGTERM), 0);
}

}  // namespace
}  // namespace ballast
