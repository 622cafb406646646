#include "client/ctl/plan_admin_command.h"

#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/ctl/admin_client.h"
#include "client/ctl/query_client.h"
#include "client/ctl/text_table.h"
#include "client/ctl/watch.h"
#include "proto/wire/query_text.h"

namespace ballast::ctl {
namespace {

using Stub = v1::Admin::Stub;

struct SteerOptions {
  std::string socket;
  std::string group;
  std::string operation_id;
  std::string expect;
  std::string version;
  std::string reason;
  std::string level;
  bool dry_run = false;
  bool yes = false;
  bool wait = false;
  bool over_ahead = false;
  int timeout_seconds = 120;
  OutputForm form = OutputForm::kTable;
};

// Sends one call with the common part filled in.
using Send = std::function<std::optional<CtlError>(AdminClient&, const v1::Steering&,
                                                   const SteerOptions&, v1::Operation*)>;

struct Verb {
  const char* name;
  const char* help;
  const char* effect;  // Of the question that a person is asked.
  bool makes_plan = false;
  Send send;
};

template <typename Request>
Send Simple(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Operation*)) {
  return [method](AdminClient& client, const v1::Steering& steering, const SteerOptions&,
                  v1::Operation* operation) {
    Request request;
    *request.mutable_steering() = steering;
    return client.Call(method, request, operation);
  };
}

std::optional<CtlError> SendRollback(AdminClient& client, const v1::Steering& steering,
                                     const SteerOptions& options, v1::Operation* operation) {
  v1::RollbackRequest request;
  *request.mutable_steering() = steering;
  if (!options.version.empty()) {
    const absl::Status status = ParsePlanVersion(options.version, request.mutable_version());
    if (!status.ok()) return UsageError("--version", status);
  }
  request.set_over_ahead(options.over_ahead);
  return client.Call(&Stub::Rollback, request, operation);
}

std::optional<CtlError> SendLogLevel(AdminClient& client, const v1::Steering& steering,
                                     const SteerOptions& options, v1::Operation* operation) {
  v1::SetLogLevelRequest request;
  *request.mutable_steering() = steering;
  request.set_level(options.level);
  return client.Call(&Stub::SetLogLevel, request, operation);
}

// Who runs this program, and for whom, as far as it can tell.
std::string Caller() {
  const char* sudo = std::getenv("SUDO_USER");
  return absl::StrCat("uid ", getuid(), sudo == nullptr ? "" : absl::StrCat(" for ", sudo));
}

std::optional<CtlError> FillSteering(const SteerOptions& options, v1::Steering* steering) {
  steering->set_operation_id(options.operation_id.empty()
                                 ? absl::StrCat(absl::Hex(RandomSeed(), absl::kZeroPad16),
                                                absl::Hex(RandomSeed(), absl::kZeroPad16))
                                 : options.operation_id);
  steering->set_ep_group(options.group);
  steering->set_dry_run(options.dry_run);
  steering->set_reason(options.reason);
  steering->set_caller(Caller());
  if (options.expect.empty()) return std::nullopt;
  const absl::Status status = ParsePlanVersion(options.expect, steering->mutable_expected_plan());
  if (status.ok()) return std::nullopt;
  return UsageError("--expect", status);
}

// Nothing happens without a yes: of a person at a terminal, or given beforehand.
std::optional<CtlError> Confirm(const Verb& verb, const SteerOptions& options,
                                const Environment& environment) {
  if (options.yes || options.dry_run) return std::nullopt;
  if (!environment.interactive) {
    return MakeError(kExitUsage, absl::StatusCode::kInvalidArgument,
                     "there is no terminal to ask on; say --yes, or --dry-run to see what it does");
  }
  environment.streams.err << verb.effect << " Go on? [y/N] " << std::flush;
  std::string answer;
  std::getline(environment.in, answer);
  answer = absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer));
  if (answer == "y" || answer == "yes") return std::nullopt;
  return MakeError(kExitRefused, absl::StatusCode::kCancelled, "not confirmed, nothing was done");
}

bool HasEnded(const v1::Operation& operation) {
  return operation.state() == "done" || operation.state() == "failed";
}

// Asks until the operation has ended; a daemon that does not answer ends it too.
std::optional<CtlError> WaitForEnd(AdminClient& client, const SteerOptions& options,
                                   const std::string& id, Clock& clock, v1::Operation* operation) {
  const absl::Duration deadline = clock.Uptime() + absl::Seconds(options.timeout_seconds);
  v1::GetOperationRequest request;
  request.set_operation_id(id);
  while (true) {
    if (auto error = client.Call(&Stub::GetOperation, request, operation)) return error;
    if (operation->state() == "failed") {
      CtlError error;
      error.code = operation->error_code();
      error.message = operation->detail();
      return error;
    }
    if (HasEnded(*operation)) return std::nullopt;
    if (clock.Uptime() >= deadline) {
      return MakeError(kExitDiffers, absl::StatusCode::kDeadlineExceeded,
                       absl::StrCat("operation ", id, " is ", operation->state(), " after ",
                                    options.timeout_seconds,
                                    " s and goes on; ballastctl status says who is waited for"));
    }
    Sleep(clock, absl::Milliseconds(200));
  }
}

int Steer(const Verb& verb, const SteerOptions& options, const Environment& environment) {
  v1::Steering steering;
  std::optional<CtlError> error = FillSteering(options, &steering);
  if (!error.has_value()) error = Confirm(verb, options, environment);
  if (error.has_value()) return Fail(*error, options.form, environment.streams);
  AdminClient client(options.socket);
  v1::Operation operation;
  error = verb.send(client, steering, options, &operation);
  const bool unanswered = error.has_value() && error->exit_code == kExitDiffers;
  if (options.wait && !options.dry_run && (!error.has_value() || unanswered)) {
    error = WaitForEnd(client, options, steering.operation_id(), environment.clock, &operation);
  }
  if (error.has_value()) return Fail(*error, options.form, environment.streams);
  Show(operation, options.form, &PrintOperation, environment.streams.out);
  return kExitOk;
}

void AddCommonOptions(CLI::App* command, SteerOptions* options) {
  AddSocketOption(command, &options->socket);
  command->add_option("--operation-id", options->operation_id,
                      "name of this call, random by default; a call repeated under its name is "
                      "done once");
  command->add_flag("--dry-run", options->dry_run, "say what it would do, change nothing");
  command->add_flag("--yes", options->yes, "do not ask");
  command->add_option("--reason", options->reason, "why, for the audit log and the plan's record");
  AddOutputOption(command, &options->form);
}

void AddVerb(CommandLine& line, CLI::App* parent, const Verb& verb) {
  CLI::App* command = parent->add_subcommand(verb.name, verb.help);
  auto options = std::make_shared<SteerOptions>();
  AddCommonOptions(command, options.get());
  command->add_option("--group", options->group, "EP group; not needed if there is one");
  command->add_option("--expect", options->expect,
                      "TERM.SEQUENCE: refuse if another plan is decided");
  if (verb.makes_plan) {
    command->add_flag("--wait", options->wait, "wait until all ranks run the plan, or it ended");
    command->add_option("--timeout", options->timeout_seconds, "seconds that --wait waits")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
  }
  if (std::string(verb.name) == "rollback") {
    command->add_option("--version", options->version,
                        "TERM.SEQUENCE of the content to bring back, 0.0: the initial plan; the "
                        "decided plan before the newest by default");
    command->add_flag("--over-ahead", options->over_ahead,
                      "bring ranks that run a later plan than this store knows to one of its "
                      "plans, the newest decided by default: after a backup was restored");
  }
  command->callback([&line, verb, options] {
    line.run = [verb, options](const Environment& environment) {
      return Steer(verb, *options, environment);
    };
  });
}

void AddLogLevel(CommandLine& line) {
  CLI::App* command =
      line.app.add_subcommand("log-level", "Set how much the daemon logs, until its next start");
  auto options = std::make_shared<SteerOptions>();
  command->add_option("level", options->level, "trace, debug, info, warn or error")->required();
  AddCommonOptions(command, options.get());
  const Verb verb = {"log-level", "", "The daemon's log level changes.", false, SendLogLevel};
  command->callback([&line, verb, options] {
    line.run = [verb, options](const Environment& environment) {
      return Steer(verb, *options, environment);
    };
  });
}

int ListOperations(const SteerOptions& options, const Environment& environment) {
  AdminClient client(options.socket);
  v1::ListOperationsResponse response;
  if (auto error = client.Call(&Stub::ListOperations, v1::ListOperationsRequest(), &response)) {
    return Fail(*error, options.form, environment.streams);
  }
  if (options.form != OutputForm::kTable) {
    PrintMessage(response, options.form, environment.streams.out);
    return kExitOk;
  }
  TextTable table({"OPERATION", "METHOD", "GROUP", "STATE", "BEFORE", "AFTER", "DETAIL"});
  for (const v1::Operation& operation : response.operations()) {
    table.AddLine({operation.operation_id(), operation.method(), operation.ep_group(),
                   absl::StrCat(operation.state(), operation.dry_run() ? " (dry run)" : ""),
                   operation.has_before() ? ShowPlan(operation.before()) : "-",
                   operation.has_after() ? ShowPlan(operation.after()) : "-", operation.detail()});
  }
  table.Print(environment.streams.out);
  return kExitOk;
}

void AddOperations(CommandLine& line, CLI::App* plan) {
  CLI::App* command =
      plan->add_subcommand("operations", "List what was asked of the daemon, newest first");
  auto options = std::make_shared<SteerOptions>();
  AddSocketOption(command, &options->socket);
  AddOutputOption(command, &options->form);
  command->callback([&line, options] {
    line.run = [options](const Environment& environment) {
      return ListOperations(*options, environment);
    };
  });
}

}  // namespace

void PrintOperation(const v1::Operation& operation, std::ostream& out) {
  out << absl::StrCat(operation.method(), operation.ep_group().empty() ? "" : " ",
                      operation.ep_group(), ": ", operation.dry_run() ? "dry run, " : "",
                      operation.state(), operation.detail().empty() ? "" : ": ", operation.detail(),
                      "\n");
  const bool changes = operation.has_after() && operation.after().SerializeAsString() !=
                                                    operation.before().SerializeAsString();
  // A dry run's plan has no version yet.
  if (changes && !operation.dry_run()) {
    out << absl::StrCat("PLAN       ", ShowPlan(operation.before()), " -> ",
                        ShowPlan(operation.after()), "\n");
  }
  out << absl::StrCat("OPERATION  ", operation.operation_id(), "\n");
}

void AddAdminCommands(CommandLine& line) {
  CLI::App* plan = line.app.get_subcommand("plan");
  AddVerb(line, plan,
          {"pause", "Hold the planner back until resume, over restarts too",
           "The group keeps its plan until it is resumed.", false, Simple(&Stub::Pause)});
  AddVerb(line, plan,
          {"resume", "End a pause", "The planner may change the group's plan again.", false,
           Simple(&Stub::Resume)});
  AddVerb(line, plan,
          {"force", "Solve now and adopt, whatever it gains",
           "The workers load weights and switch to a new plan.", true, Simple(&Stub::Force)});
  AddVerb(
      line, plan,
      {"rollback", "Bring the content of an earlier plan back, as a new plan",
       "The workers load weights and switch to an earlier plan's content.", true, SendRollback});
  AddVerb(line, plan,
          {"abort", "Give up the plan on its way, if it is not decided yet",
           "The plan on its way is given up.", false, Simple(&Stub::Abort)});
  AddOperations(line, plan);
  AddLogLevel(line);
}

}  // namespace ballast::ctl
