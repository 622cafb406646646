#ifndef BALLAST_TESTS_INTEGRATION_TCP_PROXY_H_
#define BALLAST_TESTS_INTEGRATION_TCP_PROXY_H_

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace ballast {

// A network between workers and a daemon, on loopback, that can lose one peer: bytes of a
// frozen connection go nowhere, and neither end is told. Forwards on a thread of its own.
class TcpProxy {
 public:
  // Listens on a port that the system chooses.
  explicit TcpProxy(int target_port);
  ~TcpProxy();

  int port() const { return port_; }
  int connections() const { return connections_; }  // So far. Thread-safe.

  // From now on connection `index`, in the order of their begin, is frozen. Thread-safe.
  void Freeze(int index) { frozen_ = index; }

 private:
  struct Pair {
    int worker = -1;
    int daemon = -1;
    bool open = true;
  };

  void Run();
  void Accept();
  // Moves what is there to read; closes both ends where one has ended.
  void Forward(Pair& pair, int from, int to);

  const int target_port_;
  int port_ = 0;
  int listener_ = -1;
  int wake_[2] = {-1, -1};  // A pipe; closing one end stops the thread.
  std::atomic<int> connections_ = 0;
  std::atomic<int> frozen_ = -1;
  std::vector<Pair> pairs_;  // Of the thread.
  std::thread thread_;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_TCP_PROXY_H_
