// What a daemon costs and how fast it is, seen from its workers: a real ballastd in a
// process of its own, light fake workers in this one, loopback between.
//
//   ballast_daemon_bench [ingest|memory|switch|reconnect]... [--seconds N] [--rounds N] [-o json]
//
// ingest     128 workers at 10 reports a second: share of one core and memory of the daemon,
//            expert form (58 x 256) and slot form (58 x 3), and four groups in slot form; all at
//            the same moments, as the worker library reports, and once more spread evenly, as
//            workers whose clocks do not agree would. The floor is a bare gRPC server that takes
//            the same reports in the same run and drops them. CPU time is that of the server's
//            process alone, user and system
// memory     the reports of `ingest`, expert form, for --seconds: resident memory of the daemon
//            every 30 s, and its slope after the first fifth. Not part of a run without names
// switch     step 10 ms, loader instant: last report of a window to plan active on 128
//            workers, solve included; and first to last worker that has the 58 x 384 table
// reconnect  500 workers connect at once, and within one second after the daemon was killed
//            and started again: until the daemon counts all of them as synced

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/worker/backoff.h"
#include "client/worker/worker_session.h"
#include "core/base/check.h"
#include "tests/base/temp_folder.h"
#include "tests/bench/bench_table.h"
#include "tests/bench/daemon_child.h"
#include "tests/bench/daemon_drop_server.h"
#include "tests/bench/daemon_fake_workers.h"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Options {
  BenchTable* table = nullptr;
  int seconds = 20;
  int rounds = 50;
};

double Seconds(BenchTime from, BenchTime to) { return duration<double>(to - from).count(); }

double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

// The floor: this program again, as a server that drops all reports.
class FloorChild {
 public:
  FloorChild() {
    BALLAST_CHECK(child_->AwaitErr("port \n"));
    port_ = std::atoi(child_->Err().c_str());
  }
  int grpc_port() const { return port_; }
  pid_t pid() const { return child_->pid(); }

 private:
  const TempFolder folder_{"floor"};
  const std::unique_ptr<ChildProcess> child_ =
      ChildProcess::Start({OwnPath(), kDropServerFlag}, folder_.File("floor"));
  int port_ = 0;
};

struct Worker {
  std::unique_ptr<FakeSession> session;
  std::unique_ptr<FakeReporter> reporter;
};

// A group of fake workers, connected with a session each; or without, for the floor.
class Fleet {
 public:
  Fleet(int port, int group, int ranks, int slots, bool sessions = true) : port_(port) {
    ModelShape shape;
    shape.num_layers = 58;
    shape.num_experts = 256;
    shape.top_k = 8;
    shape.expert_bytes = 1;
    Topology topology = *Topology::Uniform(ranks, 8, slots);
    const PlanId initial = PlanIdOf(shape, InitialPlan(shape, topology));
    group_.reset(new FakeGroup{
        absl::StrCat("g", group), shape, topology, initial, {}, 0, 0, 0, 0, {}, {}, {}});
    workers_.resize(static_cast<std::size_t>(ranks));
    for (Worker& worker : workers_) {
      const int rank = static_cast<int>(&worker - workers_.data());
      channels_.push_back(OwnChannel(port));
      if (!sessions) continue;
      worker.session = std::make_unique<FakeSession>(*group_, rank, initial, channels_.back());
    }
  }

  void StartReporting(ReportForm form) {
    for (std::size_t rank = 0; rank < workers_.size(); ++rank) {
      workers_[rank].reporter =
          std::make_unique<FakeReporter>(*group_, static_cast<int>(rank), form, channels_[rank]);
    }
  }

  // Waits until `reached(group)`, asked under its lock every half millisecond.
  bool Await(const std::function<bool(const FakeGroup&)>& reached, double seconds) {
    const auto begin = steady_clock::now();
    while (Seconds(begin, steady_clock::now()) < seconds) {
      {
        std::lock_guard<std::mutex> lock(group_->mutex);
        if (reached(*group_)) return true;
      }
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    return false;
  }

  // Each worker connects anew after the waits of the library's Backoff, until all are welcome.
  // Seconds from `begin`, when they lost the daemon, to the last attempt.
  double ComeBack(BenchTime begin) {
    struct Return {
      Backoff backoff;
      double due = 0;
      bool tries = false;
    };
    std::vector<Return> returns;
    for (std::size_t rank = 0; rank < workers_.size(); ++rank) {
      const WorkerOptions defaults;
      Backoff backoff(defaults.reconnect_base, defaults.reconnect_cap, rank + 1);
      const double due = absl::ToDoubleSeconds(backoff.Next());
      returns.push_back({backoff, due});
    }
    double last = 0;
    while (Seconds(begin, steady_clock::now()) < 60) {
      std::size_t welcome = 0;
      for (std::size_t rank = 0; rank < workers_.size(); ++rank) {
        Worker& worker = workers_[rank];
        Return& back = returns[rank];
        const double now = Seconds(begin, steady_clock::now());
        if (back.tries && worker.session->ended()) {
          back.tries = false;
          back.due = now + absl::ToDoubleSeconds(back.backoff.Next());
        }
        if (!back.tries && now >= back.due) {
          back.tries = true;
          last = now;
          worker.session.reset();
          channels_[rank] = OwnChannel(port_);
          worker.session = std::make_unique<FakeSession>(*group_, static_cast<int>(rank),
                                                         group_->initial, channels_[rank]);
        }
        welcome += back.tries && worker.session->welcomed() ? 1 : 0;
      }
      if (welcome == workers_.size()) break;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return last;
  }

  FakeGroup& group() { return *group_; }
  std::vector<Worker>& workers() { return workers_; }
  int size() const { return static_cast<int>(workers_.size()); }

 private:
  const int port_;
  std::unique_ptr<FakeGroup> group_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<Worker> workers_;
};

using Fleets = std::vector<std::unique_ptr<Fleet>>;

void AwaitWelcome(Fleet& fleet) {
  BALLAST_CHECK(fleet.Await([&](const FakeGroup& g) { return g.welcomed == fleet.size(); }, 30));
}

Fleets StartFleets(int port, ReportForm form, int groups, bool sessions) {
  Fleets fleets;
  for (int group = 0; group < groups; ++group) {
    fleets.push_back(std::make_unique<Fleet>(port, group, 128, 3, sessions));
    if (sessions) AwaitWelcome(*fleets.back());
    fleets.back()->StartReporting(form);
  }
  return fleets;
}

enum class Arrival {
  kTogether,  // As the worker library reports: at multiples of the period.
  kSpread,    // One worker after the other, evenly: each report wakes the server.
};

// Each worker reports ten times a second; `tick(n)` is called before each tenth of a second.
// Returns the number of reports sent.
std::uint64_t KeepReporting(Fleets& fleets, Arrival arrival, int ticks,
                            const std::function<void(int)>& tick) {
  const auto begin = steady_clock::now();
  std::uint64_t sent = 0;
  for (int n = 0; n < ticks; ++n) {
    tick(n);
    for (int rank = 0; rank < 128; ++rank) {
      for (std::unique_ptr<Fleet>& fleet : fleets) {
        // A batch of ten steps in ten seconds: what counts here is the taking of reports.
        sent += fleet->workers()[static_cast<std::size_t>(rank)].reporter->Send(
                    static_cast<std::uint64_t>(n / 10 + 1),
                    [](std::size_t i) { return static_cast<std::uint32_t>(1 + i % 7); })
                    ? 1
                    : 0;
      }
      if (arrival == Arrival::kTogether) continue;
      std::this_thread::sleep_until(begin + milliseconds(100 * n) +
                                    std::chrono::microseconds(780 * (rank + 1)));
    }
    std::this_thread::sleep_until(begin + milliseconds(100 * (n + 1)));
  }
  return sent;
}

struct IngestCost {
  double reports_per_second = 0;
  double cpu_percent = 0;  // Of one core.
  double begin_rss = 0;
  double end_rss = 0;
};

IngestCost MeasureIngest(const Options& options, Arrival arrival, Fleets& fleets, pid_t pid) {
  constexpr int kWarmUp = 20;  // Everything is allocated by then.
  IngestCost cost;
  KeepReporting(fleets, arrival, kWarmUp, [](int) {});
  const double cpu = CpuSeconds(pid);
  cost.begin_rss = RssMib(pid);
  const auto measured_from = steady_clock::now();
  const std::uint64_t sent = KeepReporting(fleets, arrival, 10 * options.seconds, [](int) {});
  const double wall = Seconds(measured_from, steady_clock::now());
  cost.cpu_percent = 100 * (CpuSeconds(pid) - cpu) / wall;
  cost.end_rss = RssMib(pid);
  cost.reports_per_second = static_cast<double>(sent) / wall;
  return cost;
}

struct IngestCase {
  ReportForm form = ReportForm::kSlot;
  Arrival arrival = Arrival::kTogether;
  int groups = 1;
  double reach_cpu = 0;
  double reach_rss = 0;
};

void Ingest(const Options& options, const IngestCase& wanted) {
  const auto& [form, arrival, groups, reach_cpu, reach_rss] = wanted;
  IngestCost floor;
  {
    FloorChild server;
    Fleets fleets = StartFleets(server.grpc_port(), form, groups, false);
    floor = MeasureIngest(options, arrival, fleets, server.pid());
  }
  DaemonChild daemon({.groups = groups, .ranks = 128, .slots_per_rank = 3});
  Fleets fleets = StartFleets(daemon.grpc_port(), form, groups, true);
  const IngestCost cost = MeasureIngest(options, arrival, fleets, daemon.pid());
  const std::string name =
      absl::StrCat("ingest/", form == ReportForm::kSlot ? "slot" : "expert",
                   groups > 1 ? "/4-groups" : "", arrival == Arrival::kSpread ? "/spread" : "");
  BenchTable& table = *options.table;
  table.Add(name + "/reports-against-sent", cost.reports_per_second, "1/s", 1280.0 * groups);
  table.Add(name + "/cpu", cost.cpu_percent, "%",
            {.floor = floor.cpu_percent, .target = reach_cpu});
  table.Add(name + "/rss-begin", cost.begin_rss, "MiB", {.target = reach_rss});
  table.Add(name + "/rss-end", cost.end_rss, "MiB", {.target = reach_rss});
}

void BenchIngest(const Options& options) {
  for (const Arrival arrival : {Arrival::kTogether, Arrival::kSpread}) {
    // Spread evenly, the wakeups of `read` alone are the target (docs/decisions/0005).
    const bool together = arrival == Arrival::kTogether;
    Ingest(options, {ReportForm::kExpert, arrival, 1, 25, 120});
    Ingest(options, {ReportForm::kSlot, arrival, 1, together ? 4.0 : 0.0, 120});
    Ingest(options, {ReportForm::kSlot, arrival, 4, together ? 16.0 : 0.0, 200});
  }
}

// Least squares of y over x.
double Slope(const std::vector<double>& x, const std::vector<double>& y) {
  double mean_x = 0;
  double mean_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / static_cast<double>(x.size());
    mean_y += y[i] / static_cast<double>(x.size());
  }
  double xy = 0;
  double xx = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
  }
  return xx > 0 ? xy / xx : 0;
}

void BenchMemory(const Options& options) {
  DaemonChild daemon({.ranks = 128, .slots_per_rank = 3});
  Fleets fleets = StartFleets(daemon.grpc_port(), ReportForm::kExpert, 1, true);
  std::vector<double> hours;
  std::vector<double> rss;
  const int ticks = 10 * options.seconds;
  KeepReporting(fleets, Arrival::kTogether, ticks, [&](int tick) {
    if (tick % 300 == 0) {
      options.table->Add(absl::StrCat("memory/rss-after-", tick / 10, "s"), RssMib(daemon.pid()),
                         "MiB", {.target = 120});
    }
    if (tick % 10 != 0 || tick < ticks / 5) return;
    hours.push_back(tick / 36000.0);
    rss.push_back(RssMib(daemon.pid()));
  });
  options.table->Add("memory/rss-end", RssMib(daemon.pid()), "MiB", {.target = 120});
  options.table->Add("memory/slope", Slope(hours, rss), "MiB/h", {});
}

// Another skew each round, so that each window wants another plan.
std::uint32_t SkewedPicks(int round, int rank, std::size_t slot) {
  std::uint64_t x =
      (static_cast<std::uint64_t>(round) << 40) ^ (static_cast<std::uint64_t>(rank) << 20) ^ slot;
  x = (x + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 31) * 0x94d049bb133111ebu;
  x ^= x >> 29;
  return x % 16 == 0 ? 4000 : static_cast<std::uint32_t>(x % 97);
}

// One window: reports, then steps of 10 ms until all hold the plan and switch.
bool SwitchOnce(Fleet& fleet, int round, std::uint64_t* step, double* took, double* spread) {
  {
    FakeGroup& group = fleet.group();
    std::lock_guard<std::mutex> lock(group.mutex);
    group.prepared = group.held = group.retired = 0;
  }
  const int size = fleet.size();
  *step += 10;
  for (int rank = 0; rank < size; ++rank) {
    FakeReporter& reporter = *fleet.workers()[static_cast<std::size_t>(rank)].reporter;
    while (!reporter.Send(*step, [&](std::size_t i) { return SkewedPicks(round, rank, i); })) {
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  const auto closed = steady_clock::now();
  bool all_hold = false;
  auto tick = closed;
  while (!all_hold && Seconds(closed, tick) < 5) {
    tick += milliseconds(10);
    std::this_thread::sleep_until(tick);
    std::lock_guard<std::mutex> lock(fleet.group().mutex);
    all_hold = fleet.group().held == size;
  }
  if (!all_hold) return false;
  PlanId plan;
  {
    std::lock_guard<std::mutex> lock(fleet.group().mutex);
    plan = fleet.group().next;
    *spread = Seconds(fleet.group().first_prepare, fleet.group().last_prepare);
  }
  // The vote of the step in which all hold it agrees; the next step is the plan's first.
  std::this_thread::sleep_until(tick + milliseconds(10));
  *took = Seconds(closed, steady_clock::now());
  for (Worker& worker : fleet.workers()) {
    worker.session->Activate(plan);
    worker.reporter->Restart(plan, *step);
  }
  return fleet.Await([&](const FakeGroup& group) { return group.retired == size; }, 5);
}

void BenchSwitch(const Options& options) {
  DaemonChild daemon({.ranks = 128, .slots_per_rank = 3});
  Fleet fleet(daemon.grpc_port(), 0, 128, 3);
  AwaitWelcome(fleet);
  fleet.StartReporting(ReportForm::kSlot);
  std::uint64_t step = 0;
  std::vector<double> took;
  std::vector<double> spreads;
  int missed = 0;
  for (int round = 0; round < options.rounds; ++round) {
    double seconds = 0;
    double spread = 0;
    if (SwitchOnce(fleet, round, &step, &seconds, &spread)) {
      took.push_back(1000 * seconds);
      spreads.push_back(1000 * spread);
    } else {
      ++missed;
    }
    std::this_thread::sleep_for(milliseconds(200));  // The store and the last acks settle.
  }
  BenchTable& table = *options.table;
  table.Add("switch/window-closed-to-active/p50", Percentile(took, 0.5), "ms", {.target = 100});
  table.Add("switch/window-closed-to-active/p99", Percentile(took, 0.99), "ms", {.target = 500});
  table.Add("switch/push-first-to-last/p50", Percentile(spreads, 0.5), "ms", {.target = 15});
  table.Add("switch/rounds-without-plan", missed, absl::StrCat("of ", options.rounds), {});
  table.Add("switch/rss", RssMib(daemon.pid()), "MiB", {.target = 120});
}

double AwaitSynced(const DaemonChild& daemon, int workers, BenchTime begin) {
  const std::string all = absl::StrCat("ballast_workers{group=\"g0\",state=\"synced\"} ", workers);
  while (Seconds(begin, steady_clock::now()) < 60 &&
         daemon.Metrics().find(all) == std::string::npos) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  return Seconds(begin, steady_clock::now());
}

void BenchReconnect(const Options& options) {
  constexpr int kWorkers = 500;
  DaemonChild daemon({.ranks = kWorkers, .slots_per_rank = 1});
  auto begin = steady_clock::now();
  Fleet fleet(daemon.grpc_port(), 0, kWorkers, 1);
  options.table->Add("reconnect/500-at-once-synced", AwaitSynced(daemon, kWorkers, begin), "s",
                     {.target = 10});

  // The workers notice at once, and come back as the library does.
  begin = steady_clock::now();
  BALLAST_CHECK(daemon.Kill());
  daemon.Launch();
  const double back = fleet.ComeBack(begin);
  options.table->Add("reconnect/500-after-kill-9-last-attempt", back, "s", {});
  options.table->Add("reconnect/500-after-kill-9-synced", AwaitSynced(daemon, kWorkers, begin), "s",
                     {.target = 10});
}

int Main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // As in ballastd.
  if (argc == 2 && std::strcmp(argv[1], kDropServerFlag) == 0) return RunDropServer();
  Options options;
  bool json = false;
  std::vector<std::string> names;
  const auto usage = [&] {
    std::fprintf(stderr,
                 "usage: %s [ingest|memory|switch|reconnect]... [--seconds N] [--rounds N] "
                 "[-o json]\n",
                 argv[0]);
    return 2;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "-o" && std::strcmp(value, "json") == 0) {
      json = true;
      ++i;
    } else if ((word == "--seconds" || word == "--rounds") && std::atoi(value) > 0) {
      (word == "--seconds" ? options.seconds : options.rounds) = std::atoi(value);
      ++i;
    } else if (word == "ingest" || word == "memory" || word == "switch" || word == "reconnect") {
      names.push_back(word);
    } else {
      return usage();
    }
  }
  BenchTable table(json);
  options.table = &table;
  if (names.empty()) names = {"ingest", "switch", "reconnect"};
  for (const std::string& name : names) {
    if (name == "ingest") BenchIngest(options);
    if (name == "memory") BenchMemory(options);
    if (name == "switch") BenchSwitch(options);
    if (name == "reconnect") BenchReconnect(options);
  }
  return 0;
}

}  // namespace
}  // namespace ballast

int main(int argc, char** argv) { return ballast::Main(argc, argv); }
