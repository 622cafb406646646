#ifndef BALLAST_TESTS_INTEGRATION_CHILD_PROCESS_H_
#define BALLAST_TESTS_INTEGRATION_CHILD_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ballast {

// Waits end after so long, times the tests' time factor; only a fault of what is tested takes that
// long.
extern const int kPatienceSeconds;

// A program under test in a process of its own, with its two output streams in files.
// Killed when it goes out of scope. Not thread-safe.
class ChildProcess {
 public:
  // Starts `argv[0]`; its output goes to `<log_stem>.out` and `<log_stem>.err`, appended to.
  static std::unique_ptr<ChildProcess> Start(const std::vector<std::string>& argv,
                                             const std::string& log_stem);
  ~ChildProcess();

  void Signal(int signal);  // Nothing if it has ended.
  // Exit code, or 128 + signal; waits for the end, nullopt if it does not come.
  std::optional<int> Wait();
  // The same after a signal.
  std::optional<int> End(int signal);
  bool running();

  pid_t pid() const { return pid_; }
  std::string Out() const;
  std::string Err() const;

  // Waits until the text appears in the error stream (from `offset` on); false if the process
  // ends without it.
  [[nodiscard]] bool AwaitErr(const std::string& text, std::size_t offset = 0);

 private:
  ChildProcess(pid_t pid, std::string log_stem) : pid_(pid), log_stem_(std::move(log_stem)) {}

  pid_t pid_;
  std::string log_stem_;
  std::optional<int> exit_code_;
};

// The whole file, "" if it can not be read.
std::string ReadFile(const std::string& path);

// A TCP port of loopback for one program under test at a time, which may come and go: as long as
// this lives, the system gives the port to nobody who asks for any port. The program must listen
// with SO_REUSEADDR, as our daemon does.
class ReservedPort {
 public:
  ReservedPort();
  ~ReservedPort();

  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;

  int port() const { return port_; }

 private:
  int fd_ = -1;  // Bound, but not listening.
  int port_ = 0;
};

// Asks `done` every 20 ms until it says so; false after kPatienceSeconds.
bool AwaitCondition(const std::function<bool()>& done);

// Answer, headers included, to a GET from a server on this machine; "" if it can not be reached.
std::string HttpGet(int port, const std::string& path);

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_CHILD_PROCESS_H_
