// Goal: the service manager hears what it must, and not too often. Method: a socket in its
// place; time comes in as arguments.

#include "daemon/app/service_manager.h"

#include <cstdlib>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/base/temp_folder.h"
#include "tests/integration/notify_socket.h"

namespace ballast {
namespace {

using ::testing::ElementsAre;

class ServiceManagerTest : public ::testing::Test {
 protected:
  ServiceManagerTest() : socket_(folder_.File("socket")) {
    setenv("NOTIFY_SOCKET", socket_.path().c_str(), 1);
  }
  ~ServiceManagerTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC"}) unsetenv(name);
  }

  std::vector<std::string> Told() {
    socket_.Clear();
    socket_.Drain();
    return socket_.messages();
  }

  const TempFolder folder_{"notify"};
  NotifySocket socket_;
  ServiceManager manager_;
};

TEST_F(ServiceManagerTest, AStatusIsSentWhenItChangedAndNotTooOften) {
  manager_.Watch(false, "a", absl::Seconds(10));
  EXPECT_THAT(Told(), ElementsAre("STATUS=a"));
  manager_.Watch(false, "b", absl::Milliseconds(11999));
  manager_.Watch(false, "c", absl::Seconds(12));
  EXPECT_THAT(Told(), ElementsAre("STATUS=c"));
  manager_.Watch(false, "c", absl::Seconds(20));
  EXPECT_THAT(Told(), ElementsAre());
}

TEST_F(ServiceManagerTest, OnlyALivingDaemonFeedsTheWatchdog) {
  manager_.Watch(true, "", absl::Seconds(1));
  EXPECT_THAT(Told(), ElementsAre("WATCHDOG=1"));
  manager_.Watch(false, "", absl::Seconds(2));
  EXPECT_THAT(Told(), ElementsAre());
}

TEST_F(ServiceManagerTest, AReloadCarriesTheTimeAtWhichItBegan) {
  manager_.Reloading(absl::Microseconds(1234567));
  manager_.Ready();
  manager_.Stopping();
  EXPECT_THAT(Told(), ElementsAre("RELOADING=1\nMONOTONIC_USEC=1234567", "READY=1",
                                  "STOPPING=1\nSTATUS=draining"));
}

TEST_F(ServiceManagerTest, WatchesOftenEnoughForTheWatchdog) {
  EXPECT_EQ(ServiceManager::WatchPeriod(), absl::Seconds(1));
  setenv("WATCHDOG_USEC", "300000", 1);
  EXPECT_EQ(ServiceManager::WatchPeriod(), absl::Milliseconds(100));
  setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(ServiceManager::WatchPeriod(), absl::Seconds(1));
}

}  // namespace
}  // namespace ballast
