#include "daemon/admin/self_probe.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace ballast {
namespace {

// The client's preface of HTTP/2 and an empty SETTINGS frame; RFC 9113, 3.4.
constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
constexpr std::size_t kPrefaceSize = sizeof(kPreface) - 1;
constexpr std::size_t kFrameHeader = 9;
constexpr std::size_t kTypeAt = 3;
constexpr char kSettingsType = 4;

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

absl::Status Failed(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

std::string HostOf(absl::string_view listen) {
  absl::string_view host = listen.substr(0, listen.rfind(':'));
  absl::ConsumePrefix(&host, "[");
  absl::ConsumeSuffix(&host, "]");
  if (host == "0.0.0.0" || host.empty()) return "127.0.0.1";
  return std::string(host == "::" ? "::1" : host);
}

absl::Status Greet(int descriptor) {
  if (send(descriptor, kPreface, kPrefaceSize, MSG_NOSIGNAL) !=
      static_cast<ssize_t>(kPrefaceSize)) {
    return Failed("send");
  }
  char header[kFrameHeader];
  const ssize_t got = recv(descriptor, header, sizeof(header), MSG_WAITALL);
  if (got < 0) return Failed("no greeting");
  if (got < static_cast<ssize_t>(sizeof(header)) || header[kTypeAt] != kSettingsType) {
    return absl::UnavailableError("the greeting is not that of HTTP/2");
  }
  return absl::OkStatus();
}

absl::Status ConnectAndGreet(const addrinfo& address, absl::Duration timeout) {
  const Socket socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.descriptor() < 0) return Failed("socket");
  const timeval limit = absl::ToTimeval(timeout);
  // A send timeout bounds connect() too.
  setsockopt(socket.descriptor(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  setsockopt(socket.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  if (connect(socket.descriptor(), address.ai_addr, address.ai_addrlen) != 0) {
    return Failed("connect");
  }
  return Greet(socket.descriptor());
}

}  // namespace

absl::StatusOr<ListenerAddress> ListenerAddress::Resolve(absl::string_view listen, int port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string host = HostOf(listen);
  const int error = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found);
  if (error != 0) return absl::UnavailableError(absl::StrCat(host, ": ", gai_strerror(error)));
  return ListenerAddress(absl::StrCat(host, ":", port),
                         std::shared_ptr<const addrinfo>(found, [](const addrinfo* list) {
                           freeaddrinfo(const_cast<addrinfo*>(list));
                         }));
}

absl::Status ListenerAddress::Probe(absl::Duration timeout) const {
  absl::Status status;
  for (const addrinfo* address = found_.get(); address != nullptr; address = address->ai_next) {
    status = ConnectAndGreet(*address, timeout);
    if (status.ok()) return status;
  }
  return absl::UnavailableError(absl::StrCat(name_, ": ", status.message()));
}

SelfProbe::SelfProbe(Parts parts) : parts_(std::move(parts)), answered_(parts_.clock.Uptime()) {}

SelfProbe::~SelfProbe() { Stop(); }

void SelfProbe::Start() {
  thread_ = std::thread([this] { Run(); });
}

void SelfProbe::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void SelfProbe::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      parts_.clock.WaitUntil(mutex_, absl::Condition(&stopped_), parts_.clock.Uptime() + kPeriod);
      if (stopped_) return;
    }
    ProbeOnce();
  }
}

void SelfProbe::ProbeOnce() {
  const absl::Status status = parts_.probe();
  {
    absl::MutexLock lock(&mutex_);
    last_ = status;
    if (status.ok()) answered_ = parts_.clock.Uptime();
  }
  parts_.on_probe(status.ok());
  parts_.on_round();
}

absl::Status SelfProbe::State() const {
  absl::MutexLock lock(&mutex_);
  const absl::Duration age = parts_.clock.Uptime() - answered_;
  if (age < kLateAfter) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("no answer for ", absl::FormatDuration(absl::Trunc(age, absl::Seconds(1))), ": ",
                   last_.ok() ? "the probe does not return" : std::string(last_.message())));
}

}  // namespace ballast
