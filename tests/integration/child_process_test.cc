// Goal: what the tests of processes stand on: files that go with their owner, and ports that
// stay with it.

#include "tests/integration/child_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/base/temp_folder.h"
#include "tests/integration/loopback.h"

namespace ballast {
namespace {

// 0, or the error with which a server that asks for the port ends.
int ErrorOfServer(int port, bool reuse_address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int reuse = reuse_address ? 1 : 0;
  EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)), 0);
  const sockaddr_in address = Loopback(port);
  const bool listens =
      bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      listen(fd, 1) == 0;
  const int error = listens ? 0 : errno;
  close(fd);
  return error;
}

TEST(ReservedPortTest, IsForServersThatReuseAddressesOneAfterTheOther) {
  const ReservedPort port;
  EXPECT_EQ(ErrorOfServer(port.port(), true), 0);
  EXPECT_EQ(ErrorOfServer(port.port(), true), 0);
}

TEST(ReservedPortTest, IsGivenToNobodyElseUntilItsEnd) {
  std::optional<ReservedPort> port(std::in_place);
  const int number = port->port();
  EXPECT_EQ(ErrorOfServer(number, false), EADDRINUSE);
  EXPECT_EQ(HttpGet(number, "/"), "") << "somebody listens";
  port.reset();
  EXPECT_EQ(ErrorOfServer(number, false), 0);
}

TEST(TempFolderTest, GoesWithAllThatIsInItUnlessFilesAreKept) {
  std::string path;
  unsetenv("BALLAST_TEST_KEEP_FILES");
  {
    const TempFolder folder("temp_folder");
    path = folder.path();
    std::filesystem::create_directory(folder.File("folder"));
    std::ofstream(folder.File("folder/file")) << "text";
    ASSERT_EQ(ReadFile(path + "/folder/file"), "text");
  }
  EXPECT_FALSE(std::filesystem::exists(path));

  setenv("BALLAST_TEST_KEEP_FILES", "1", 1);
  { path = TempFolder("temp_folder").path(); }
  unsetenv("BALLAST_TEST_KEEP_FILES");
  EXPECT_TRUE(std::filesystem::remove(path));
}

TEST(ChildProcessTest, TellsHowItEndedAndWhatItSaid) {
  const TempFolder folder("child");
  auto child = ChildProcess::Start({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"},
                                   folder.File("child"));
  EXPECT_EQ(child->Wait(), 3);
  EXPECT_EQ(child->Out(), "out\n");
  EXPECT_EQ(child->Err(), "err\n");
  EXPECT_FALSE(child->AwaitErr("else")) << "it can not come any more";
  child = ChildProcess::Start({"/bin/sleep", "1000"}, folder.File("sleep"));
  EXPECT_TRUE(child->running());
  EXPECT_EQ(child->End(SIGTERM), 128 + SIGTERM);
}

}  // namespace
}  // namespace ballast
