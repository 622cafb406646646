#include "client/ctl/explain_command.h"

#include <cstdint>
#include <memory>
#include <string>

#include "client/ctl/explain_text.h"
#include "client/ctl/query_client.h"

namespace ballast::ctl {
namespace {

// As many as the daemon answers with.
constexpr std::uint32_t kMaxDecisions = 1000;

struct ExplainOptions {
  std::string daemon;
  std::string group;
  std::uint32_t last = 1;
  OutputForm form = OutputForm::kTable;
};

int Explain(const ExplainOptions& options, const Environment& environment) {
  v1::ExplainRequest request;
  request.set_ep_group(options.group);
  request.set_limit(options.last);
  v1::Explanation explanation;
  QueryClient client(options.daemon);
  if (const auto error = client.Call(&v1::Query::Stub::Explain, request, &explanation)) {
    return Fail(*error, options.form, environment.streams);
  }
  Show(explanation, options.form, &PrintExplanation, environment.streams.out);
  return kExitOk;
}

}  // namespace

void AddExplainCommand(CommandLine& line) {
  CLI::App* explain = line.app.add_subcommand(
      "explain", "Say why a group runs this plan, or why there is no new one");
  auto options = std::make_shared<ExplainOptions>();
  AddDaemonOption(explain, &options->daemon);
  explain->add_option("group,--group", options->group, "EP group; not needed if there is one");
  explain->add_option("--last", options->last, "explain so many decisions, the newest first")
      ->check(CLI::Range(std::uint32_t{1}, kMaxDecisions))
      ->capture_default_str();
  AddOutputOption(explain, &options->form);
  explain->callback([&line, options] {
    line.run = [options](const Environment& environment) { return Explain(*options, environment); };
  });
}

}  // namespace ballast::ctl
