// What serving notices of a daemon that hangs or dies: the time of a step of 8 workers in
// lockstep, each a process with the real worker library, while the daemon is undisturbed,
// stopped (SIGSTOP: its connections stay open) and killed (kill -9).
//
//   ballast_stall_bench [--rounds N] [--phase-seconds N] [-o json]
//
// A phase lasts 30 s: a daemon that hangs loses its sessions after the 15 s of keepalive,
// and what follows, the end of eight streams and attempts to connect again, is measured too.
// A step is a fixed sleep of 10 ms, the accounting of 58 x 33 slots, the vote and a barrier.
// The kinds take turns, round by round, and undisturbed rounds are measured twice: the
// second half against the first is what the machine adds by itself.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/fleet/lockstep.h"
#include "client/fleet/shared_region.h"
#include "client/worker/worker_session.h"
#include "core/base/check.h"
#include "tests/bench/bench_table.h"
#include "tests/bench/daemon_child.h"
#include "tests/client/worker_idle_loader.h"

namespace ballast {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kRanks = 8;
constexpr int kSlots = 33;
constexpr std::size_t kMaxSamples = 1 << 16;

enum Kind : std::uint32_t { kUndisturbed, kAgain, kStopped, kKilled, kNumKinds, kNone };

// In memory that all processes share.
struct Shared {
  std::atomic<std::uint32_t> kind;  // Of the steps that are served now.
  std::atomic<std::uint32_t> stop;
  std::atomic<std::uint64_t> step;
  std::atomic<std::uint32_t> count[kNumKinds];
  std::atomic<std::uint32_t> lost[kNumKinds];  // Sessions, and attempts to have one.
  VoteWord votes[2][kRanks];                   // By step modulo 2.
};

ModelShape Shape() { return {58, 256, 1, 8, 1}; }

struct Links {
  int port;
  Shared& shared;
  Lockstep lockstep;
  absl::Span<double> samples;  // [kNumKinds][kMaxSamples], seconds.
};

void Sleep10Ms() {
  timespec left = {0, 10'000'000};
  while (nanosleep(&left, &left) != 0) {
  }
}

// One worker; rank 0 takes the times.
int Serve(Links links, RankId rank) {
  Shared& shared = links.shared;
  IdleLoader loader;
  WorkerOptions options;
  options.daemon_address = absl::StrCat("127.0.0.1:", links.port);
  options.ep_group = "g0";
  options.rank = rank;
  options.shape = Shape();
  options.on_event = [&shared](const WorkerEvent& event) {
    const std::uint32_t kind = shared.kind.load();
    if (event.kind == WorkerEvent::Kind::kDisconnected && kind < kNumKinds) ++shared.lost[kind];
  };
  auto session = WorkerSession::Create(options, *Topology::Uniform(kRanks, 8, kSlots), loader);
  BALLAST_CHECK(session.ok());
  WorkerSession& worker = **session;
  auto begin = steady_clock::now();
  for (std::uint64_t step = 1;; ++step) {
    const bool last = shared.stop.load() != 0 && rank.value == 0;
    worker.BeginStep(step);
    Sleep10Ms();
    for (int layer = 0; layer < Shape().num_layers; ++layer) {
      for (int slot = 0; slot < kSlots; ++slot) worker.counters().Add(LayerId(layer), slot, 64);
    }
    shared.votes[step % 2][rank.value] = worker.Vote();
    if (!links.lockstep.Arrive(rank)) return 0;
    VoteWord reduced = shared.votes[step % 2][0];
    for (const VoteWord& vote : shared.votes[step % 2]) reduced = ReduceVotes(reduced, vote);
    worker.OnVote(reduced);
    worker.EndStep(step);
    if (last) links.lockstep.Abort(-1, "done");
    if (rank.value != 0) continue;
    const auto now = steady_clock::now();
    const std::uint32_t kind = shared.kind.load();
    if (kind < kNumKinds && shared.count[kind] < kMaxSamples) {
      links.samples[kind * kMaxSamples + shared.count[kind]++] =
          duration<double>(now - begin).count();
    }
    begin = now;
    shared.step = step;
  }
}

struct Options {
  int rounds = 3;
  int phase_seconds = 30;
  bool json = false;
};

class StallBench {
 public:
  StallBench(const Options& options, SharedRegion region)
      : options_(options),
        region_(std::move(region)),
        shared_(region_.Take<Shared>(1).front()),
        samples_(region_.Take<double>(kNumKinds * kMaxSamples)),
        lockstep_(region_.Take<Lockstep::State>(1).front(), kRanks),
        // As in production: solves are rare.
        daemon_({.ranks = kRanks,
                 .slots_per_rank = kSlots,
                 .heartbeat_period = "1s",
                 .planning = "{solve_every_steps: 1000}"}) {
    shared_.kind = kNone;
  }

  static std::size_t RegionBytes() {
    return SharedRegion::BytesOf<Shared>(1) +
           SharedRegion::BytesOf<double>(kNumKinds * kMaxSamples) +
           SharedRegion::BytesOf<Lockstep::State>(1);
  }

  void Run() {
    for (int rank = 0; rank < kRanks; ++rank) Fork(RankId(rank));
    AwaitSynced();
    for (int round = 0; round < options_.rounds; ++round) {
      Record(kUndisturbed);
      daemon_.Signal(SIGSTOP);
      Record(kStopped);
      daemon_.Signal(SIGCONT);
      AwaitSynced();
      Record(kAgain);
      BALLAST_CHECK(daemon_.Kill());
      Record(kKilled);
      daemon_.Launch();
      AwaitSynced();
    }
    shared_.stop = 1;
    for (pid_t worker : workers_) waitpid(worker, nullptr, 0);
  }

  void Print() {
    BenchTable table(options_.json);
    const double first = Percentile(kUndisturbed, 0.99);
    std::vector<double> both = Samples(kUndisturbed);
    const std::vector<double> again = Samples(kAgain);
    both.insert(both.end(), again.begin(), again.end());
    const double undisturbed = Percentile(both, 0.99);
    table.Add("stall/undisturbed/p50", 1e3 * Percentile(both, 0.5), "ms", {});
    table.Add("stall/undisturbed/p99", 1e3 * undisturbed, "ms", {});
    table.Add("stall/noise: undisturbed again/p99", 1e3 * Percentile(kAgain, 0.99), "ms",
              {.floor = 1e3 * first});
    for (const auto& [kind, name] : {std::pair{kStopped, "stopped"}, {kKilled, "killed"}}) {
      table.Add(absl::StrCat("stall/", name, "/p50"), 1e3 * Percentile(kind, 0.5), "ms",
                {.floor = 1e3 * Percentile(both, 0.5)});
      table.Add(absl::StrCat("stall/", name, "/p99"), 1e3 * Percentile(kind, 0.99), "ms",
                {.floor = 1e3 * undisturbed, .target = 1.05e3 * undisturbed});
      table.Add(absl::StrCat("stall/", name, "/sessions and attempts lost"), shared_.lost[kind], "",
                {});
    }
  }

 private:
  void Fork(RankId rank) {
    const pid_t worker = fork();
    BALLAST_CHECK(worker >= 0);
    if (worker == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      _exit(Serve({daemon_.grpc_port(), shared_, lockstep_, samples_}, rank));
    }
    workers_.push_back(worker);
  }

  // From the change on: what it stirs up belongs to it.
  void Record(Kind kind) {
    shared_.kind = kind;
    std::this_thread::sleep_for(std::chrono::seconds(options_.phase_seconds));
    shared_.kind = kNone;
  }

  void AwaitSynced() const {
    const std::string all = absl::StrCat("ballast_workers{group=\"g0\",state=\"synced\"} ", kRanks);
    for (int tries = 0; daemon_.Metrics().find(all) == std::string::npos; ++tries) {
      BALLAST_CHECK(tries < 600);
      std::this_thread::sleep_for(milliseconds(100));
    }
  }

  std::vector<double> Samples(Kind kind) const {
    const auto begin = samples_.begin() + kind * kMaxSamples;
    return {begin, begin + shared_.count[kind]};
  }

  static double Percentile(std::vector<double> values, double share) {
    BALLAST_CHECK(!values.empty());
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
  }
  double Percentile(Kind kind, double share) const { return Percentile(Samples(kind), share); }

  const Options options_;
  SharedRegion region_;
  Shared& shared_;
  absl::Span<double> samples_;
  Lockstep lockstep_;
  DaemonChild daemon_;
  std::vector<pid_t> workers_;
};

int Main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // As in ballastd.
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string word = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "-o" && std::strcmp(value, "json") == 0) {
      options.json = true;
    } else if ((word == "--rounds" || word == "--phase-seconds") && std::atoi(value) > 0) {
      (word == "--rounds" ? options.rounds : options.phase_seconds) = std::atoi(value);
    } else {
      std::fprintf(stderr, "usage: %s [--rounds N] [--phase-seconds N] [-o json]\n", argv[0]);
      return 2;
    }
  }
  auto region = SharedRegion::Create(StallBench::RegionBytes());
  BALLAST_CHECK(region.ok());
  StallBench bench(options, *std::move(region));
  bench.Run();
  bench.Print();
  return 0;
}

}  // namespace
}  // namespace ballast

int main(int argc, char** argv) { return ballast::Main(argc, argv); }
