#include "client/ctl/load_command.h"

#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/ctl/load_export.h"
#include "client/ctl/load_samples.h"
#include "client/ctl/load_sender.h"
#include "client/ctl/load_text.h"
#include "client/ctl/query_client.h"
#include "client/ctl/watch.h"

namespace ballast::ctl {
namespace {

// Lines of a table, where nobody asks for more: one screen.
constexpr int kTopOfOne = 20;
constexpr int kTopOfEach = 5;

struct LoadOptions {
  std::string daemon;
  std::string group;
  int layer = -1;  // All.
  LoadBy by = LoadBy::kOverview;
  std::optional<int> top;
  OutputForm form = OutputForm::kTable;
  LoadFormat format = LoadFormat::kCsv;
  std::string file;
  std::optional<std::uint64_t> since_step;
  double pace = 0;  // 0: as fast as the daemon takes it.
};

std::optional<CtlError> FetchLoad(const LoadOptions& options, v1::GroupLoad* load) {
  v1::GetLoadRequest request;
  request.set_ep_group(options.group);
  if (options.layer >= 0) request.set_layer(static_cast<std::uint32_t>(options.layer));
  QueryClient client(options.daemon);
  return client.Call(&v1::Query::Stub::GetLoad, request, load);
}

int ShowLoad(const LoadOptions& options, const Environment& environment) {
  v1::GroupLoad load;
  if (auto error = FetchLoad(options, &load)) {
    return Fail(*error, options.form, environment.streams);
  }
  if (options.form != OutputForm::kTable) {
    PrintMessage(load, options.form, environment.streams.out);
    return kExitOk;
  }
  const int top = options.by == LoadBy::kOverview ? kTopOfEach : kTopOfOne;
  PrintLoad(load, options.by, options.top.value_or(top), environment.streams.out);
  return kExitOk;
}

int Export(const LoadOptions& options, const Environment& environment) {
  v1::GroupLoad load;
  std::string note;
  std::optional<CtlError> error = FetchLoad(options, &load);
  if (!error.has_value()) error = ExportLoad(load, options.format, environment.streams.out, &note);
  if (error.has_value()) return Fail(*error, OutputForm::kTable, environment.streams);
  if (!note.empty()) environment.streams.err << "ballastctl: " << note << "\n";
  return kExitOk;
}

// Reports of ours in a group with workers would make the daemon take the workers for
// processes that were replaced.
std::optional<CtlError> CheckObserved(const LoadOptions& options, const v1::GroupLoad& group) {
  v1::GetStatusRequest request;
  request.set_ep_group(group.ep_group());
  v1::DaemonStatus status;
  QueryClient client(options.daemon);
  if (auto error = client.Call(&v1::Query::Stub::GetStatus, request, &status)) return error;
  std::uint32_t connected = 0;
  for (const v1::GroupStatus& one : status.groups()) connected += one.ranks_connected();
  if (group.observe_only() && connected == 0) return std::nullopt;
  const std::string why =
      group.observe_only()
          ? absl::StrCat("has ", connected, " workers connected, which report themselves")
          : "is served by workers, which report themselves; only a group with "
            "planning.observe_only takes counters from outside";
  return MakeError(kExitRefused, absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("group ", group.ep_group(), " ", why));
}

struct SendCount {
  std::uint64_t samples = 0;
  std::uint64_t step_first = 0;
  std::uint64_t step_last = 0;
};

std::optional<CtlError> SendAll(const LoadOptions& options, const v1::GroupLoad& group,
                                std::istream& in, const Environment& environment,
                                SendCount* count) {
  LoadSampleReader reader(
      in,
      {static_cast<int>(group.shape().num_layers()), static_cast<int>(group.shape().num_experts())},
      options.since_step);
  LoadSender sender(options.daemon, group, environment.clock);
  std::optional<double> last_time;
  while (true) {
    std::optional<LoadSample> sample;
    if (auto error = reader.Next(&sample)) return error;
    if (!sample.has_value()) break;
    if (options.pace > 0 && sample->time.has_value() && last_time.has_value()) {
      Sleep(environment.clock, absl::Seconds((*sample->time - *last_time) / options.pace));
    }
    last_time = sample->time;
    if (auto error = sender.Send(*sample)) return error;
    if (sample->begins) {
      environment.streams.err << "ballastctl: counting begins after step " << sample->step_last
                              << "; the picks of that sample are of unknown steps\n";
      continue;
    }
    ++count->samples;
    count->step_first = sample->step_first;
    count->step_last = sample->step_last;
  }
  if (count->samples > 0) return std::nullopt;
  return MakeError(kExitUsage, absl::StatusCode::kInvalidArgument,
                   absl::StrCat(options.file, " has no sample to count"));
}

std::optional<CtlError> OpenAndSend(const LoadOptions& options, const Environment& environment,
                                    SendCount* count) {
  std::ifstream file;
  if (options.file != "-") {
    file.open(options.file);
    if (!file.is_open()) {
      return MakeError(kExitUsage, absl::StatusCode::kNotFound,
                       absl::StrCat("cannot read ", options.file));
    }
  }
  v1::GroupLoad group;
  if (auto error = FetchLoad(options, &group)) return error;
  if (auto error = CheckObserved(options, group)) return error;
  return SendAll(options, group, options.file == "-" ? environment.in : file, environment, count);
}

int Send(const LoadOptions& options, const Environment& environment) {
  SendCount count;
  if (auto error = OpenAndSend(options, environment, &count)) {
    return Fail(*error, options.form, environment.streams);
  }
  if (options.form == OutputForm::kTable) {
    environment.streams.out << absl::StrCat("sent ", count.samples,
                                            count.samples == 1 ? " sample" : " samples", ", steps ",
                                            count.step_first, " to ", count.step_last, "\n");
  } else {
    PrintDocument({{"samples", count.samples},
                   {"step_first", count.step_first},
                   {"step_last", count.step_last}},
                  options.form, environment.streams.out);
  }
  return kExitOk;
}

using Run = int (*)(const LoadOptions&, const Environment&);

void SetRun(CommandLine& line, CLI::App* command, std::shared_ptr<LoadOptions> options, Run run) {
  command->callback([&line, command, options, run] {
    if (!command->get_subcommands().empty()) return;
    line.run = [options, run](const Environment& environment) {
      return run(*options, environment);
    };
  });
}

void AddLayerOption(CLI::App* command, LoadOptions* options) {
  command->add_option("--layer", options->layer, "this MoE layer only")
      ->check(CLI::NonNegativeNumber);
}

void AddExport(CommandLine& line, CLI::App* load) {
  CLI::App* command =
      load->add_subcommand("export", "Write the load estimate to stdout, for other programs");
  auto options = std::make_shared<LoadOptions>();
  AddDaemonOption(command, &options->daemon);
  command->add_option("--group", options->group, "EP group; not needed if there is one");
  AddLayerOption(command, options.get());
  AddChoice<LoadFormat>(
      command, "--format",
      "csv (default) or jsonl: step,layer,expert,picks_per_step; solve: the "
      "input of ballastctl solve",
      {{"csv", LoadFormat::kCsv}, {"jsonl", LoadFormat::kJsonl}, {"solve", LoadFormat::kSolve}},
      &options->format);
  SetRun(line, command, options, &Export);
}

void AddSend(CommandLine& line, CLI::App* load) {
  CLI::App* command =
      load->add_subcommand("send", "Report counters from outside to a group that only observes");
  command->footer(
      "Rows are CSV with a header or JSON lines, with the columns step, layer, expert, one of\n"
      "  picks           counted since the step before,\n"
      "  picks_per_step  their mean over these steps, as `load export` writes it,\n"
      "  picks_total     a counter that never falls,\n"
      "and optionally time (Unix seconds). Rows of one step follow each other; steps rise. "
      "Without\n"
      "--since-step a first sample of picks or picks_total only marks where counting begins.");
  auto options = std::make_shared<LoadOptions>();
  AddDaemonOption(command, &options->daemon);
  command->add_option("--group", options->group, "EP group; not needed if there is one");
  command->add_option("--file", options->file, "the rows, or - for stdin, sample by sample")
      ->required();
  command->add_option("--since-step", options->since_step,
                      "the first sample counts the steps after this one");
  command
      ->add_option("--pace", options->pace,
                   "wait between samples as `time` says, divided by this; 0: do not wait")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  AddOutputOption(command, &options->form);
  SetRun(line, command, options, &Send);
}

}  // namespace

void AddLoadCommands(CommandLine& line) {
  CLI::App* load =
      line.app.add_subcommand("load", "Show the load of a group as the daemon sees it");
  auto options = std::make_shared<LoadOptions>();
  AddDaemonOption(load, &options->daemon);
  load->add_option("group,--group", options->group, "EP group; not needed if there is one");
  AddLayerOption(load, options.get());
  AddChoice<LoadBy>(load, "--by", "one table, the most loaded first; without it the top of each",
                    {{"rank", LoadBy::kRank},
                     {"row", LoadBy::kRow},
                     {"layer", LoadBy::kLayer},
                     {"expert", LoadBy::kExpert}},
                    &options->by);
  load->add_option("--top", options->top,
                   absl::StrCat("lines of a table, 0: all; ", kTopOfOne, " by default, ",
                                kTopOfEach, " without --by"))
      ->check(CLI::NonNegativeNumber);
  AddOutputOption(load, &options->form);
  AddExport(line, load);
  AddSend(line, load);
  SetRun(line, load, options, &ShowLoad);
}

}  // namespace ballast::ctl
