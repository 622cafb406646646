#include "client/fleet/worker_crew.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ballast {
namespace {

class ProcessCrew final : public WorkerCrew {
 public:
  ~ProcessCrew() override { Kill(); }

  ProcessCrew(int num_ranks, const Work& work) : work_(work), pids_(num_ranks, 0) {}

  absl::Status ForkAll() {
    for (std::size_t rank = 0; rank < pids_.size(); ++rank) {
      const absl::Status status = Restart(RankId(static_cast<int>(rank)));
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Restart(RankId rank) override {
    // What is buffered would be written once by each child.
    std::fflush(nullptr);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
      return absl::ResourceExhaustedError(
          absl::StrCat("rank ", rank.value, ": fork: ", std::strerror(errno)));
    }
    if (pid == 0) RunChild(parent, rank, work_);
    pids_[rank.value] = pid;
    ++num_running_;
    return absl::OkStatus();
  }

  std::vector<Loss> FindLosses() override {
    std::vector<Loss> losses;
    for (std::size_t rank = 0; rank < pids_.size(); ++rank) {
      int status = 0;
      if (pids_[rank] == 0 || waitpid(pids_[rank], &status, WNOHANG) != pids_[rank]) continue;
      const pid_t pid = std::exchange(pids_[rank], 0);
      --num_running_;
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
      losses.push_back({RankId(static_cast<int>(rank)), How(pid, status), WIFSIGNALED(status),
                        WIFEXITED(status) ? WEXITSTATUS(status) : 0});
    }
    return losses;
  }

  int num_running() const override { return num_running_; }

  void Kill() override {
    for (const pid_t pid : pids_) {
      if (pid != 0) kill(pid, SIGKILL);
    }
    for (pid_t& pid : pids_) {
      if (pid != 0) waitpid(std::exchange(pid, 0), nullptr, 0);
    }
    num_running_ = 0;
  }

 private:
  [[noreturn]] static void RunChild(pid_t parent, RankId rank, const Work& work) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // It died before the line above.
    std::signal(SIGINT, SIG_IGN);
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &terminate, nullptr);
    const int status = work(rank);
    std::fflush(nullptr);
    // Not exit(): the destructors of the parent's statics are not this process's business.
    _exit(status);
  }

  static std::string How(pid_t pid, int status) {
    if (WIFSIGNALED(status)) {
      return absl::StrCat("process ", pid, " was killed by signal ", WTERMSIG(status));
    }
    return absl::StrCat("process ", pid, " ended with status ", WEXITSTATUS(status));
  }

  const Work work_;
  std::vector<pid_t> pids_;  // By rank; 0: ended and waited for.
  int num_running_ = 0;
};

class ThreadCrew final : public WorkerCrew {
 public:
  ThreadCrew(int num_ranks, const Work& work) : states_(num_ranks) {
    for (int rank = 0; rank < num_ranks; ++rank) {
      threads_.emplace_back([this, rank, work] {
        states_[rank].store(work(RankId(rank)) == 0 ? kDone : kFailed, std::memory_order_release);
      });
    }
  }
  ~ThreadCrew() override { Kill(); }

  std::vector<Loss> FindLosses() override {
    std::vector<Loss> losses;
    for (std::size_t rank = 0; rank < states_.size(); ++rank) {
      int expected = kFailed;
      if (!states_[rank].compare_exchange_strong(expected, kDone)) continue;
      losses.push_back({RankId(static_cast<int>(rank)), "its thread gave up"});
    }
    return losses;
  }

  absl::Status Restart(RankId) override {
    return absl::UnimplementedError("threads are not started anew");
  }

  int num_running() const override {
    int running = 0;
    for (const std::atomic<int>& state : states_) {
      running += state.load(std::memory_order_acquire) == kRunning;
    }
    return running;
  }

  void Kill() override {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  static constexpr int kRunning = 0;
  static constexpr int kFailed = 1;
  static constexpr int kDone = 2;

  std::vector<std::atomic<int>> states_;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerCrew>> WorkerCrew::Start(FleetOptions::Mode mode,
                                                              int num_ranks, const Work& work) {
  if (mode == FleetOptions::Mode::kThreads) return std::make_unique<ThreadCrew>(num_ranks, work);
  auto crew = std::make_unique<ProcessCrew>(num_ranks, work);
  if (absl::Status status = crew->ForkAll(); !status.ok()) return status;
  return crew;
}

}  // namespace ballast
