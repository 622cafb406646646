#include "client/fleet/fleet_options.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"
#include "core/replay/synthetic_source.h"
#include "core/replay/trace_source.h"
#include "core/trace/trace_file.h"

namespace ballast {
namespace {

// Steps of a bounded run that names no number: the bundled trace four times.
constexpr std::uint64_t kStepsOfOnce = 1200;

SyntheticOptions SyntheticOf(const FleetOptions& options, int num_ranks) {
  SyntheticOptions synthetic;
  if (options.num_layers > 0) synthetic.shape.num_layers = options.num_layers;
  synthetic.num_request_slots = options.tokens_per_rank * num_ranks;
  synthetic.seed = options.seed;
  return synthetic;
}

absl::StatusOr<Topology> TopologyOf(const FleetOptions& options,
                                    const std::vector<RankSpec>& recorded) {
  const int given = (options.num_ranks > 0) + (options.row_size > 0) + (options.slots_per_rank > 0);
  if (given == 3) {
    return Topology::Uniform(options.num_ranks, options.row_size, options.slots_per_rank);
  }
  if (given == 0 && !recorded.empty()) return Topology::Create(recorded);
  return absl::InvalidArgumentError(
      "--ranks, --row-size and --slots-per-rank go together; all three may be left out only if "
      "the trace names a topology");
}

absl::Status CheckLoss(const FleetOptions& options, const Topology& topology) {
  const FleetOptions::Loss& kill = options.kill;
  const FleetOptions::Loss& leave = options.leave;
  if ((kill.rank.valid() || leave.rank.valid() || options.rejoin_ms >= 0) &&
      options.mode != FleetOptions::Mode::kProcesses) {
    return absl::InvalidArgumentError(
        "--kill-worker, --leave-worker and --rejoin-ms need --mode processes");
  }
  if (leave.rank.valid() && options.rejoin_ms < 0) {
    return absl::InvalidArgumentError("--leave-worker needs --rejoin-ms: the others wait for it");
  }
  const int last = std::max({kill.rank.value, leave.rank.value, options.stall.rank.value});
  if (last < topology.num_ranks()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--kill-worker, --leave-worker, --stall-worker: rank ", last, " out of [0, ",
                   topology.num_ranks(), ")"));
}

absl::Status CheckSetup(const FleetSetup& setup) {
  if (setup.topology.num_slots() < setup.shape.num_experts) {
    return absl::InvalidArgumentError(absl::StrCat("the fleet has ", setup.topology.num_slots(),
                                                   " slots per layer for ", setup.shape.num_experts,
                                                   " experts"));
  }
  if (setup.num_request_slots < setup.topology.num_ranks()) {
    return absl::InvalidArgumentError(absl::StrCat(setup.num_request_slots,
                                                   " request slots are fewer than ",
                                                   setup.topology.num_ranks(), " ranks"));
  }
  return absl::OkStatus();
}

constexpr absl::string_view kMoments[] = {"", "loading", "prepared", "held", "active"};

// "3@prepared", "3@120". Empty if it is well formed, as CLI11 wants it.
std::string ParseLoss(const std::string& text, FleetOptions::Loss* loss) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '@');
  constexpr char kForm[] = "is not RANK@STEP or RANK@loading, prepared, held, active";
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &loss->rank.value) || !loss->rank.valid()) {
    return absl::StrCat(text, " ", kForm);
  }
  const auto moment = std::find(std::begin(kMoments) + 1, std::end(kMoments), parts[1]);
  if (moment != std::end(kMoments)) {
    loss->moment = static_cast<FleetOptions::Loss::Moment>(moment - std::begin(kMoments));
    return "";
  }
  const bool is_step = absl::SimpleAtoi(parts[1], &loss->step) && loss->step > 0;
  return is_step ? "" : absl::StrCat(text, " ", kForm);
}

// "3@FILE". Empty if it is well formed.
std::string ParseStall(const std::string& text, FleetOptions::Stall* stall) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('@', 1));
  if (!absl::SimpleAtoi(parts.first, &stall->rank.value) || !stall->rank.valid() ||
      parts.second.empty()) {
    return absl::StrCat(text, " is not RANK@FILE");
  }
  stall->file = std::string(parts.second);
  return "";
}

void AddStallOption(CLI::App& app, FleetOptions& options) {
  app.add_option_function<std::string>(
         "--stall-worker",
         [&options](const std::string& text) { ParseStall(text, &options.stall); },
         "one rank does not end loading a plan while FILE exists, whatever the daemon says; it "
         "serves and reports on")
      ->check([](const std::string& text) {
        FleetOptions::Stall stall;
        return ParseStall(text, &stall);
      })
      ->type_name("RANK@FILE");
}

// What a test of lost workers needs.
void AddLossOptions(CLI::App& app, FleetOptions& options) {
  app.add_option_function<std::string>(
         "--kill-worker", [&options](const std::string& text) { ParseLoss(text, &options.kill); },
         "SIGKILL for one worker process, once: RANK@STEP, or when its session is there: "
         "RANK@loading, prepared, held, active")
      ->check([](const std::string& text) {
        FleetOptions::Loss loss;
        return ParseLoss(text, &loss);
      })
      ->type_name("RANK@WHEN");
  app.add_option_function<std::string>(
         "--leave-worker", [&options](const std::string& text) { ParseLoss(text, &options.leave); },
         "one worker says goodbye to the daemon at this step and ends, once; it comes back "
         "after --rejoin-ms")
      ->check([](const std::string& text) -> std::string {
        FleetOptions::Loss loss;
        const std::string fault = ParseLoss(text, &loss);
        if (!fault.empty()) return fault;
        return loss.moment == FleetOptions::Loss::Moment::kStep ? "" : text + " names no step";
      })
      ->type_name("RANK@STEP");
  app.add_option("--rejoin-ms", options.rejoin_ms,
                 "a worker process that was killed or has left comes back after so long as a new "
                 "incarnation, "
                 "on the plan of the others, who wait for it; default: a lost worker ends the "
                 "fleet")
      ->check(CLI::Range(0, 60000));
}

}  // namespace

void AddFleetOptions(CLI::App& app, FleetOptions& options) {
  static const std::map<std::string, ReportForm> kReportForms = {{"received", ReportForm::kSlot},
                                                                 {"sent", ReportForm::kExpert}};
  static const std::map<std::string, FleetOptions::Mode> kModes = {
      {"processes", FleetOptions::Mode::kProcesses}, {"threads", FleetOptions::Mode::kThreads}};
  app.add_option("--daemon", options.daemon, "HOST:PORT of ballastd")->capture_default_str();
  app.add_option("--group", options.ep_group, "EP group")->capture_default_str();
  app.add_option("--trace", options.trace,
                 "trace file, or synthetic: 58 layers x 256 experts in 8 expert groups, top-k 8")
      ->required();
  app.add_option("--ranks", options.num_ranks, "workers; default: as recorded")
      ->check(CLI::Range(1, 1024));
  app.add_option("--row-size", options.row_size, "ranks per row")->check(CLI::Range(1, 1024));
  app.add_option("--slots-per-rank", options.slots_per_rank, "per layer")
      ->check(CLI::Range(1, 4096));
  app.add_option("--step-ms", options.step_ms, "time of a step; 0: as fast as it goes")
      ->check(CLI::Range(0, 60000))
      ->capture_default_str();
  app.add_option("--steps", options.num_steps, "ends after so many; default: goes on");
  app.add_flag("--once", options.once, "a bounded run that ends with one line of JSON");
  app.add_option("--mode", options.mode, "processes or threads")
      ->transform(CLI::CheckedTransformer(kModes));
  app.add_option("--reconnect-ms", options.reconnect_ms,
                 "longest pause before a worker looks for the daemon again")
      ->check(CLI::Range(100, 60000))
      ->capture_default_str();
  app.add_option("--spill", options.spill_threshold, "picks; 0: balance before locality")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--report", options.report_form,
                 "load reports: picks received per slot, or sent per expert")
      ->transform(CLI::CheckedTransformer(kReportForms))
      ->default_str("received");
  app.add_option("--seed", options.seed, "of the synthetic load")->capture_default_str();
  app.add_option("--layers", options.num_layers, "of the synthetic load; default 58")
      ->check(CLI::Range(1, kMaxLayers));
  app.add_option("--tokens-per-rank", options.tokens_per_rank, "of the synthetic load, per step")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  AddLossOptions(app, options);
  AddStallOption(app, options);
  app.add_option_function<std::string>(
         "-o", [&options](const std::string& form) { options.json = form == "json"; },
         "table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

absl::StatusOr<FleetSetup> SetUpFleet(FleetOptions& options) {
  if (options.once && options.num_steps == 0) options.num_steps = kStepsOfOnce;
  if (!options.synthetic() && options.num_layers > 0) {
    return absl::InvalidArgumentError("--layers goes with --trace synthetic");
  }
  if (options.synthetic()) {
    BALLAST_ASSIGN_OR_RETURN(Topology topology, TopologyOf(options, {}));
    const SyntheticOptions synthetic = SyntheticOf(options, topology.num_ranks());
    FleetSetup setup = {synthetic.shape, std::move(topology), synthetic.num_request_slots};
    BALLAST_RETURN_IF_ERROR(CheckSyntheticOptions(synthetic));
    BALLAST_RETURN_IF_ERROR(CheckSetup(setup));
    BALLAST_RETURN_IF_ERROR(CheckLoss(options, setup.topology));
    return setup;
  }
  BALLAST_ASSIGN_OR_RETURN(const auto reader, TraceReader::Open(options.trace));
  const TraceInfo& info = reader->info();
  BALLAST_ASSIGN_OR_RETURN(Topology topology, TopologyOf(options, info.ranks));
  FleetSetup setup = {info.shape, std::move(topology), info.num_request_slots};
  BALLAST_RETURN_IF_ERROR(CheckSetup(setup));
  BALLAST_RETURN_IF_ERROR(CheckLoss(options, setup.topology));
  return setup;
}

absl::StatusOr<std::unique_ptr<RequestSource>> MakeRequestSource(const FleetOptions& options,
                                                                 const FleetSetup& setup) {
  if (options.synthetic()) {
    return SyntheticSource::Create(SyntheticOf(options, setup.topology.num_ranks()));
  }
  BALLAST_ASSIGN_OR_RETURN(auto reader, TraceReader::Open(options.trace));
  return TraceSource::Create(std::move(reader));
}

RequestSlots SlotsOfSender(const FleetSetup& setup, RankId rank) {
  const std::int64_t slots = setup.num_request_slots;
  const std::int64_t ranks = setup.topology.num_ranks();
  const int first = static_cast<int>(slots * rank.value / ranks);
  return {first, static_cast<int>(slots * (rank.value + 1) / ranks) - first};
}

}  // namespace ballast
