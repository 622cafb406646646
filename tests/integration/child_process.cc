#include "tests/integration/child_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "tests/base/patience.h"
#include "tests/integration/loopback.h"

namespace ballast {

const int kPatienceSeconds = static_cast<int>(absl::ToInt64Seconds(Patience(absl::Seconds(120))));

bool AwaitCondition(const std::function<bool()>& done) {
  Clock& clock = RealClock();
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  bool never = false;
  const absl::Duration deadline = clock.Uptime() + absl::Seconds(kPatienceSeconds);
  while (!done()) {
    if (clock.Uptime() >= deadline) return false;
    clock.WaitUntil(mutex, absl::Condition(&never), clock.Uptime() + absl::Milliseconds(20));
  }
  return true;
}

std::unique_ptr<ChildProcess> ChildProcess::Start(const std::vector<std::string>& argv,
                                                  const std::string& log_stem) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  BALLAST_CHECK(pid >= 0);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int flags = O_WRONLY | O_CREAT | O_APPEND;
    dup2(open((log_stem + ".out").c_str(), flags, 0644), STDOUT_FILENO);
    dup2(open((log_stem + ".err").c_str(), flags, 0644), STDERR_FILENO);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, log_stem));
}

ChildProcess::~ChildProcess() { End(SIGKILL); }

void ChildProcess::Signal(int signal) {
  if (running()) kill(pid_, signal);
}

std::optional<int> ChildProcess::Wait() {
  AwaitCondition([this] { return !running(); });
  return exit_code_;
}

std::optional<int> ChildProcess::End(int signal) {
  Signal(signal);
  return Wait();
}

bool ChildProcess::running() {
  if (exit_code_.has_value()) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

std::string ChildProcess::Out() const { return ReadFile(log_stem_ + ".out"); }
std::string ChildProcess::Err() const { return ReadFile(log_stem_ + ".err"); }

bool ChildProcess::AwaitErr(const std::string& text, std::size_t offset) {
  const auto found = [&] { return Err().find(text, offset) != std::string::npos; };
  AwaitCondition([&] { return found() || !running(); });
  return found();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

ReservedPort::ReservedPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int yes = 1;
  BALLAST_CHECK(setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0);
  sockaddr_in address = Loopback(0);
  BALLAST_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  socklen_t size = sizeof(address);
  BALLAST_CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
}

ReservedPort::~ReservedPort() { close(fd_); }

std::string HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = Loopback(port);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
    BALLAST_CHECK(write(fd, request.data(), request.size()) ==
                  static_cast<ssize_t>(request.size()));
    char buffer[4096];
    for (ssize_t size; (size = read(fd, buffer, sizeof(buffer))) > 0;) answer.append(buffer, size);
  }
  close(fd);
  return answer;
}

}  // namespace ballast
