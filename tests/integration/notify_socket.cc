#include "tests/integration/notify_socket.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/base/clock.h"

namespace ballast {

NotifySocket::NotifySocket(const std::string& path)
    : path_(path), fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  BALLAST_CHECK(path.size() < sizeof(address.sun_path));
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  BALLAST_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  const timeval step = {0, 100000};
  BALLAST_CHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &step, sizeof(step)) == 0);
}

NotifySocket::~NotifySocket() {
  close(fd_);
  unlink(path_.c_str());
}

bool NotifySocket::Read(bool wait) {
  char buffer[4096];
  const ssize_t size = recv(fd_, buffer, sizeof(buffer), wait ? 0 : MSG_DONTWAIT);
  if (size < 0) return false;
  messages_.emplace_back(buffer, static_cast<std::size_t>(size));
  return true;
}

bool NotifySocket::WaitFor(const std::string& text, int seconds) {
  const absl::Duration deadline = RealClock().Uptime() + absl::Seconds(seconds);
  while (RealClock().Uptime() < deadline) {
    if (Read(true) && messages_.back().find(text) != std::string::npos) return true;
  }
  return false;
}

void NotifySocket::Drain() {
  while (Read(false)) {
  }
}

int NotifySocket::Count(const std::string& text) const {
  return static_cast<int>(std::count_if(
      messages_.begin(), messages_.end(),
      [&](const std::string& message) { return message.find(text) != std::string::npos; }));
}

}  // namespace ballast
