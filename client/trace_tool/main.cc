// ballast_trace: makes trace files from recorded expert ids, and tells what is in one.
// Exit codes: 0 ok, 2 command line or unreadable input, 4 refused.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/trace_tool/topk_input.h"
#include "core/base/status_macros.h"
#include "core/model/topology.h"
#include "core/trace/trace_file.h"
#include "core/trace/trace_import.h"

namespace ballast {
namespace {

struct ImportArguments {
  std::string topk_path;
  std::string samples_path;
  std::string output_path;
  TraceInfo info;
  ImportOptions options;
  int num_ranks = 0;
  int row_size = 0;
  int slots_per_rank = 0;
};

void AddImportOptions(CLI::App& app, ImportArguments& arguments) {
  static const std::map<std::string, RequestOrder> kOrders = {{"mixed", RequestOrder::kMixed},
                                                              {"file", RequestOrder::kFile}};
  app.add_option("--topk", arguments.topk_path,
                 "uint8 [token][layer][k] expert ids, plain or gzip; - is standard input")
      ->required();
  app.add_option("--samples", arguments.samples_path, "CSV with token_offset and tokens")
      ->required();
  app.add_option("--output", arguments.output_path, "trace file to make")->required();
  app.add_option("--layers", arguments.info.shape.num_layers)->required();
  app.add_option("--experts", arguments.info.shape.num_experts)->required();
  app.add_option("--top-k", arguments.info.shape.top_k)->required();
  app.add_option("--expert-groups", arguments.info.shape.num_expert_groups);
  app.add_option("--expert-bytes", arguments.info.shape.expert_bytes);
  app.add_option("--model", arguments.info.model)->required();
  app.add_option("--source", arguments.info.source)->required();
  app.add_option("--licence", arguments.info.licence, "SPDX name")->required();
  app.add_option("--request-slots", arguments.options.num_request_slots)->capture_default_str();
  app.add_option("--order", arguments.options.order, "mixed or file")
      ->transform(CLI::CheckedTransformer(kOrders));
  app.add_option("--seed", arguments.options.seed, "of the mixed order")->capture_default_str();
  app.add_option("--skip", arguments.options.skip_steps, "steps left out at the beginning")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--steps", arguments.options.max_steps, "steps at most; 0: all")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--ranks", arguments.num_ranks, "recorded topology; 0: none");
  app.add_option("--row-size", arguments.row_size);
  app.add_option("--slots-per-rank", arguments.slots_per_rank);
}

std::vector<RankSpec> UniformRanks(const ImportArguments& arguments) {
  std::vector<RankSpec> ranks;
  for (int rank = 0; rank < arguments.num_ranks; ++rank) {
    const int row = rank / std::max(arguments.row_size, 1);
    ranks.push_back({RowId(row), arguments.slots_per_rank, 1.0});
  }
  return ranks;
}

absl::Status Import(ImportArguments& arguments) {
  BALLAST_ASSIGN_OR_RETURN(const std::string topk, ReadInput(arguments.topk_path));
  BALLAST_ASSIGN_OR_RETURN(const std::string csv, ReadInput(arguments.samples_path));
  BALLAST_ASSIGN_OR_RETURN(const std::vector<RequestSample> samples, ParseSamples(csv));
  const auto ids =
      absl::MakeConstSpan(reinterpret_cast<const std::uint8_t*>(topk.data()), topk.size());
  BALLAST_ASSIGN_OR_RETURN(const std::vector<TraceStep> steps,
                           ImportTopK(arguments.info.shape, ids, samples, arguments.options));
  arguments.info.num_request_slots = arguments.options.num_request_slots;
  arguments.info.ranks = UniformRanks(arguments);
  BALLAST_ASSIGN_OR_RETURN(const auto writer,
                           TraceWriter::Create(arguments.output_path, arguments.info));
  for (const TraceStep& step : steps) BALLAST_RETURN_IF_ERROR(writer->Append(step));
  BALLAST_RETURN_IF_ERROR(writer->Finish());
  std::fprintf(stderr, "%s: %zu steps of %d tokens\n", arguments.output_path.c_str(), steps.size(),
               arguments.info.num_request_slots);
  return absl::OkStatus();
}

// Reads every step, so that a broken file does not look whole.
absl::Status PrintInfo(const std::string& path) {
  BALLAST_ASSIGN_OR_RETURN(const auto reader, TraceReader::Open(path));
  const TraceInfo& info = reader->info();
  std::int64_t tokens = 0;
  for (int step = 0; step < info.num_steps; ++step) {
    BALLAST_ASSIGN_OR_RETURN(const TraceStep read, reader->Read(step));
    tokens += read.num_tokens();
  }
  std::printf("model          %s\nlayers         %d\nexperts        %d\ntop-k          %d\n",
              info.model.c_str(), info.shape.num_layers, info.shape.num_experts, info.shape.top_k);
  std::printf("request slots  %d\nsteps          %d\ntokens         %lld\n", info.num_request_slots,
              info.num_steps, static_cast<long long>(tokens));
  if (!info.ranks.empty()) {
    BALLAST_ASSIGN_OR_RETURN(const Topology topology, Topology::Create(info.ranks));
    std::printf("recorded on    %d ranks in %d rows, %d slots per layer\n", topology.num_ranks(),
                topology.num_rows(), topology.num_slots());
  }
  std::printf("source         %s\nlicence        %s\n", info.source.c_str(), info.licence.c_str());
  return absl::OkStatus();
}

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "ballast_trace: %s\n", std::string(status.message()).c_str());
  return absl::IsFailedPrecondition(status) || absl::IsAlreadyExists(status) ? 4 : 2;
}

int Main(int argc, char** argv) {
  CLI::App app("Makes and reads trace files of expert choices.", "ballast_trace");
  app.require_subcommand(1);
  ImportArguments arguments;
  CLI::App* import = app.add_subcommand("import", "Recorded top-k ids to a trace file");
  AddImportOptions(*import, arguments);
  std::string path;
  CLI::App* info = app.add_subcommand("info", "What is in a trace file; reads all of it");
  info->add_option("trace", path, "trace file")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return ExitCode(info->parsed() ? PrintInfo(path) : Import(arguments));
}

}  // namespace
}  // namespace ballast

int main(int argc, char** argv) { return ballast::Main(argc, argv); }
