#ifndef BALLAST_TESTS_INTEGRATION_NOTIFY_SOCKET_H_
#define BALLAST_TESTS_INTEGRATION_NOTIFY_SOCKET_H_

#include <string>
#include <vector>

namespace ballast {

// Stands for the service manager: the datagram socket that NOTIFY_SOCKET names. Not thread-safe.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& path);
  ~NotifySocket();

  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // Reads messages until one contains `text`, but not for longer than `seconds`.
  bool WaitFor(const std::string& text, int seconds);
  // Reads what has come without waiting for more.
  void Drain();

  // Everything that was read, oldest first.
  const std::vector<std::string>& messages() const { return messages_; }
  int Count(const std::string& text) const;
  void Clear() { messages_.clear(); }
  const std::string& path() const { return path_; }

 private:
  bool Read(bool wait);

  const std::string path_;
  int fd_;
  std::vector<std::string> messages_;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_NOTIFY_SOCKET_H_
