// What a daemon costs and how fast it is, seen from its workers: a real ballastd in a
// process of its own, light fake workers in this one, loopback between.
//
//   ballast_daemon_bench [ingest|memory|switch|reconnect]... [--seconds N] [--rounds N] [-o json]
//
// ingest     128 workers at 10 reports a second: share of one core and memory of the daemon,
//            expert form (58 x 256) and slot form (58 x 3), and four groups in slot form; the
//            floor is a bare gRPC server that takes the same reports in the same run and drops
//            them. CPU time is that of the server's process alone, user and system
// memory     the reports of `ingest`, expert form, for --seconds: resident memory of the daemon
//            every 30 s, and its slope after the first fifth. Not part of a run without names
// switch     step 10 ms, loader instant: last report of a window to plan active on 128
//            workers, solve included; and first to last worker that has the 58 x 384 table
// reconnect  500 workers connect at once: until the daemon counts all of them as synced

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "tests/bench/daemon_drop_server.h"
#include "tests/bench/daemon_fake_workers.h"
#include "tests/integration/child_process.h"

namespace ballast {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Options {
  bool json = false;
  int seconds = 20;
  int rounds = 50;
};

double Seconds(BenchTime from, BenchTime to) { return duration<double>(to - from).count(); }

double LoadAverage() {
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  return load;
}

void Print(const Options& options, const std::string& name, double value, const char* unit,
           double reach) {
  const char* format = options.json ? "{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", "
                                      "\"reach\": %.4g, \"load_average\": %.2f}\n"
                                    : "%-48s %10.4g %-4s reach %8.4g  load %.2f\n";
  std::printf(format, name.c_str(), value, unit, reach, LoadAverage());
  std::fflush(stdout);
}

double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

double CpuSeconds(pid_t pid) {
  const std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double RssMib(pid_t pid) {
  const std::string status = ReadFile(absl::StrCat("/proc/", pid, "/status"));
  return std::strtod(status.c_str() + status.find("VmRSS:") + 6, nullptr) / 1024;
}

std::string OwnPath() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  BALLAST_CHECK(size > 0);
  return std::string(path, static_cast<std::size_t>(size));
}

// A daemon with groups of one shape: 58 layers, 256 experts.
class DaemonChild {
 public:
  DaemonChild(int groups, int ranks, int slots_per_rank) {
    char folder[] = "/tmp/ballast_bench_XXXXXX";
    BALLAST_CHECK(mkdtemp(folder) != nullptr);
    folder_ = folder;
    grpc_port_ = FreePort();
    http_port_ = FreePort();
    std::ofstream config(folder_ + "/ballastd.yaml");
    config << "grpc: {listen: \"127.0.0.1:" << grpc_port_ << "\"}\n"
           << "http: {listen: \"127.0.0.1:" << http_port_ << "\"}\n"
           << "store: {path: \"" << folder_ << "/ballast.db\"}\n"
           << "session: {heartbeat_period: 1m, report_period: 100ms}\n"
           << "load: {averaging: plain, window_batches: 1, batch_steps: 10, scenarios: 0}\n"
           << "planning: {solve_every_steps: 10, min_interval: 0s, min_gain: 0, min_batches: 1,\n"
           << "  moe_seconds_per_step: 1}\ngroups:\n";
    for (int group = 0; group < groups; ++group) {
      config << "  - name: g" << group << "\n    model: {layers: 58, experts: 256, top_k: 8, "
             << "expert_bytes: 1}\n    ranks: " << ranks
             << "\n    row_size: 8\n    slots_per_rank: " << slots_per_rank << "\n";
    }
    config.close();
    child_ = ChildProcess::Start({Program(), "--config", folder_ + "/ballastd.yaml"},
                                 folder_ + "/ballastd");
    BALLAST_CHECK(child_->WaitForErr("event=daemon.ready", 30));
  }

  ~DaemonChild() {
    child_->Signal(SIGTERM);
    child_->Wait(20);
    for (const char* file : {"ballastd.yaml", "ballastd.out", "ballastd.err", "ballast.db",
                             "ballast.db.lock", "ballast.db-wal", "ballast.db-shm"}) {
      unlink((folder_ + "/" + file).c_str());
    }
    rmdir(folder_.c_str());
  }

  int grpc_port() const { return grpc_port_; }
  std::string Metrics() const { return HttpGet(http_port_, "/metrics"); }

  pid_t pid() const { return child_->pid(); }

 private:
  // Beside this program.
  static std::string Program() {
    const std::string self = OwnPath();
    return self.substr(0, self.rfind('/')) + "/ballastd";
  }

  std::string folder_;
  int grpc_port_ = 0;
  int http_port_ = 0;
  std::unique_ptr<ChildProcess> child_;
};

// The floor: this program again, as a server that drops all reports.
class FloorChild {
 public:
  FloorChild() {
    char folder[] = "/tmp/ballast_floor_XXXXXX";
    BALLAST_CHECK(mkdtemp(folder) != nullptr);
    folder_ = folder;
    child_ = ChildProcess::Start({OwnPath(), kDropServerFlag}, folder_ + "/floor");
    BALLAST_CHECK(child_->WaitForErr("port \n", 30));
    port_ = std::atoi(child_->Err().c_str());
  }
  ~FloorChild() {
    child_->Signal(SIGKILL);
    child_->Wait(20);
    for (const char* file : {"/floor.out", "/floor.err"}) unlink((folder_ + file).c_str());
    rmdir(folder_.c_str());
  }
  int grpc_port() const { return port_; }
  pid_t pid() const { return child_->pid(); }

 private:
  std::string folder_;
  int port_ = 0;
  std::unique_ptr<ChildProcess> child_;
};

struct Worker {
  std::unique_ptr<FakeSession> session;
  std::unique_ptr<FakeReporter> reporter;
};

// A group of fake workers, connected with a session each; or without, for the floor.
class Fleet {
 public:
  Fleet(int port, int group, int ranks, int slots, bool sessions = true) {
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

  FakeGroup& group() { return *group_; }
  std::vector<Worker>& workers() { return workers_; }
  int size() const { return static_cast<int>(workers_.size()); }

 private:
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

// Each worker reports ten times a second, spread evenly; `tick(n)` is called before each
// tenth of a second. Returns the number of reports sent.
std::uint64_t KeepReporting(Fleets& fleets, int ticks, const std::function<void(int)>& tick) {
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
      std::this_thread::sleep_until(begin + milliseconds(100 * n) +
                                    std::chrono::microseconds(780 * (rank + 1)));
    }
  }
  return sent;
}

struct IngestCost {
  double reports_per_second = 0;
  double cpu_percent = 0;  // Of one core.
  double begin_rss = 0;
  double end_rss = 0;
};

IngestCost MeasureIngest(const Options& options, Fleets& fleets, pid_t pid) {
  constexpr int kWarmUp = 20;  // Everything is allocated by then.
  IngestCost cost;
  KeepReporting(fleets, kWarmUp, [](int) {});
  const double cpu = CpuSeconds(pid);
  cost.begin_rss = RssMib(pid);
  const auto measured_from = steady_clock::now();
  const std::uint64_t sent = KeepReporting(fleets, 10 * options.seconds, [](int) {});
  const double wall = Seconds(measured_from, steady_clock::now());
  cost.cpu_percent = 100 * (CpuSeconds(pid) - cpu) / wall;
  cost.end_rss = RssMib(pid);
  cost.reports_per_second = static_cast<double>(sent) / wall;
  return cost;
}

void Ingest(const Options& options, ReportForm form, int groups, double reach_cpu,
            double reach_rss) {
  IngestCost floor;
  {
    FloorChild server;
    Fleets fleets = StartFleets(server.grpc_port(), form, groups, false);
    floor = MeasureIngest(options, fleets, server.pid());
  }
  DaemonChild daemon(groups, 128, 3);
  Fleets fleets = StartFleets(daemon.grpc_port(), form, groups, true);
  const IngestCost cost = MeasureIngest(options, fleets, daemon.pid());
  const std::string name = absl::StrCat("ingest/", form == ReportForm::kSlot ? "slot" : "expert",
                                        groups > 1 ? "/4-groups" : "");
  Print(options, name + "/reports", cost.reports_per_second, "1/s", 1280.0 * groups);
  Print(options, name + "/cpu", cost.cpu_percent, "%", reach_cpu);
  Print(options, name + "/cpu-floor", floor.cpu_percent, "%", reach_cpu);
  Print(options, name + "/cpu-over-floor", cost.cpu_percent / floor.cpu_percent, "x", 1);
  Print(options, name + "/rss-begin", cost.begin_rss, "MiB", reach_rss);
  Print(options, name + "/rss-end", cost.end_rss, "MiB", reach_rss);
}

void BenchIngest(const Options& options) {
  Ingest(options, ReportForm::kExpert, 1, 25, 120);
  Ingest(options, ReportForm::kSlot, 1, 4, 120);
  Ingest(options, ReportForm::kSlot, 4, 16, 200);
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
  DaemonChild daemon(1, 128, 3);
  Fleets fleets = StartFleets(daemon.grpc_port(), ReportForm::kExpert, 1, true);
  std::vector<double> hours;
  std::vector<double> rss;
  const int ticks = 10 * options.seconds;
  KeepReporting(fleets, ticks, [&](int tick) {
    if (tick % 300 == 0) {
      Print(options, absl::StrCat("memory/rss-after-", tick / 10, "s"), RssMib(daemon.pid()), "MiB",
            120);
    }
    if (tick % 10 != 0 || tick < ticks / 5) return;
    hours.push_back(tick / 36000.0);
    rss.push_back(RssMib(daemon.pid()));
  });
  Print(options, "memory/rss-end", RssMib(daemon.pid()), "MiB", 120);
  Print(options, "memory/slope", Slope(hours, rss), "MiB/h", 0);
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
  *took = Seconds(closed, steady_clock::now());
  for (Worker& worker : fleet.workers()) {
    worker.session->Activate(plan);
    worker.reporter->Restart(plan, *step);
  }
  return fleet.Await([&](const FakeGroup& group) { return group.retired == size; }, 5);
}

void BenchSwitch(const Options& options) {
  DaemonChild daemon(1, 128, 3);
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
  Print(options, "switch/window-closed-to-active/p50", Percentile(took, 0.5), "ms", 100);
  Print(options, "switch/window-closed-to-active/p99", Percentile(took, 0.99), "ms", 500);
  Print(options, "switch/push-first-to-last/p50", Percentile(spreads, 0.5), "ms", 15);
  Print(options, "switch/rounds-without-plan", missed, "", 0);
  Print(options, "switch/rss", RssMib(daemon.pid()), "MiB", 120);
}

void BenchReconnect(const Options& options) {
  DaemonChild daemon(1, 500, 1);
  const auto begin = steady_clock::now();
  Fleet fleet(daemon.grpc_port(), 0, 500, 1);
  Print(options, "reconnect/500-begun-within", Seconds(begin, steady_clock::now()), "s", 1);
  const std::string all = "ballast_workers{group=\"g0\",state=\"synced\"} 500";
  while (Seconds(begin, steady_clock::now()) < 60 &&
         daemon.Metrics().find(all) == std::string::npos) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  Print(options, "reconnect/500-synced", Seconds(begin, steady_clock::now()), "s", 10);
}

int Main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], kDropServerFlag) == 0) return RunDropServer();
  Options options;
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
      options.json = true;
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
