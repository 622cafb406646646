#include "tests/integration/tcp_proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "core/base/check.h"
#include "tests/integration/loopback.h"

namespace ballast {

TcpProxy::TcpProxy(int target_port)
    : target_port_(target_port), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  BALLAST_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  BALLAST_CHECK(listen(listener_, 64) == 0);
  socklen_t size = sizeof(address);
  BALLAST_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  BALLAST_CHECK(pipe(wake_) == 0);
  thread_ = std::thread([this] { Run(); });
}

TcpProxy::~TcpProxy() {
  close(wake_[1]);
  thread_.join();
  close(wake_[0]);
  close(listener_);
  for (const Pair& pair : pairs_) {
    if (!pair.open) continue;
    close(pair.worker);
    close(pair.daemon);
  }
}

void TcpProxy::Run() {
  while (true) {
    std::vector<pollfd> waits = {{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    std::vector<std::pair<std::size_t, bool>> ends;  // Pair and whether it is the worker's end.
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      if (!pairs_[i].open || static_cast<int>(i) == frozen_) continue;
      waits.push_back({pairs_[i].worker, POLLIN, 0});
      ends.emplace_back(i, true);
      waits.push_back({pairs_[i].daemon, POLLIN, 0});
      ends.emplace_back(i, false);
    }
    // The time limit lets a freeze begin without traffic.
    poll(waits.data(), waits.size(), 20);
    if (waits[0].revents != 0) return;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      Pair& pair = pairs_[ends[i].first];
      if (waits[i + 2].revents == 0 || !pair.open) continue;
      if (static_cast<int>(ends[i].first) == frozen_) continue;
      const bool worker_spoke = ends[i].second;
      Forward(pair, worker_spoke ? pair.worker : pair.daemon,
              worker_spoke ? pair.daemon : pair.worker);
    }
    if (waits[1].revents != 0) Accept();
  }
}

void TcpProxy::Accept() {
  Pair pair;
  pair.worker = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (pair.worker < 0) return;
  pair.daemon = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(target_port_);
  if (connect(pair.daemon, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close(pair.worker);
    close(pair.daemon);
    return;
  }
  pairs_.push_back(pair);
  ++connections_;
}

void TcpProxy::Forward(Pair& pair, int from, int to) {
  char buffer[16384];
  const ssize_t size = recv(from, buffer, sizeof(buffer), 0);
  ssize_t sent = 0;
  while (sent < size) {
    const ssize_t part =
        send(to, buffer + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
    if (part <= 0) break;
    sent += part;
  }
  if (size > 0 && sent == size) return;
  close(pair.worker);
  close(pair.daemon);
  pair.open = false;
}

}  // namespace ballast
