#ifndef BALLAST_DAEMON_PUBLISH_SESSION_MAILBOX_H_
#define BALLAST_DAEMON_PUBLISH_SESSION_MAILBOX_H_

#include <cstddef>
#include <deque>
#include <string>

#include "daemon/control/worker_link.h"

namespace ballast {

// What waits to be written to one worker. A newer plan makes everything before it
// pointless, so it replaces it; the rest is bounded by what one plan can need.
//
// Not thread-safe: the session guards it.
class SessionMailbox {
 public:
  // Chosen: prepare, commit, retire and an abort, twice.
  static constexpr std::size_t kCapacity = 8;

  // False if the mailbox is full: the worker does not read and must start over.
  bool Put(WorkerCommand command) {
    if (command.kind == WorkerCommand::Kind::kPrepare) {
      // A plan can only be taken by a worker that knows its membership.
      std::erase_if(commands_, [](const WorkerCommand& waiting) {
        return waiting.kind != WorkerCommand::Kind::kMembership;
      });
    }
    if (commands_.size() >= kCapacity) return false;
    commands_.push_back(std::move(command));
    return true;
  }

  bool empty() const { return commands_.empty(); }
  std::size_t size() const { return commands_.size(); }

  // The oldest; must not be empty.
  WorkerCommand Take() {
    WorkerCommand command = std::move(commands_.front());
    commands_.pop_front();
    return command;
  }

 private:
  std::deque<WorkerCommand> commands_;
};

}  // namespace ballast

#endif  // BALLAST_DAEMON_PUBLISH_SESSION_MAILBOX_H_
