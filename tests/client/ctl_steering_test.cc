// Goal: what each steering command prints, done, as a dry run and refused, in all forms, and
// that no command of ballastctl is without golden files.
// Method: the admin service of a daemon whose loops are turned by hand while a command waits.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "daemon/admin/admin_service.h"
#include "daemon/admin/audit_log.h"
#include "daemon/admin/operation_registry.h"
#include "daemon/observe/event_log.h"
#include "tests/base/temp_folder.h"
#include "tests/client/ctl_help.h"
#include "tests/client/ctl_runner.h"
#include "tests/client/golden_file.h"
#include "tests/client/hand_turned_daemon.h"

namespace ballast::ctl {
namespace {

using Kind = SessionEvent::Kind;

// One daemon and what is said to it, as a reader of a terminal sees it. Operations are named
// op1, op2, ...
class Conversation {
 public:
  explicit Conversation(std::string form) : form_(std::move(form)), log_("error", false) {
    unsetenv("SUDO_USER");  // Would be named as the caller.
    registry_ = std::make_unique<OperationRegistry>(daemon_.clock());
    audit_ = *AuditLog::Open("", log_);
    service_ = MakeAdminService(
        {daemon_.groups(), *registry_, *audit_, log_, daemon_.clock(), absl::Seconds(10)});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket(), grpc::InsecureServerCredentials());
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
  }
  ~Conversation() { server_->Shutdown(); }

  HandTurnedDaemon& daemon() { return daemon_; }

  // Runs `ballastctl COMMAND`, which may be an operation of its own.
  void Say(const std::string& command) {
    std::vector<std::string> words = absl::StrSplit(command, ' ');
    const bool asks = command != "plan operations";
    if (asks) words.insert(words.end(), {"--operation-id", absl::StrCat("op", ++operations_)});
    words.insert(words.end(), {"--socket", socket(), "-o", form_});
    std::future<CtlRun> answer = std::async(std::launch::async, [&words] { return RunCtl(words); });
    while (answer.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
      daemon_.decode().Turn();
      daemon_.prefill().Turn();
    }
    const CtlRun run = answer.get();
    absl::StrAppend(&text_, "$ ballastctl ", command, form_ == "table" ? "" : " -o " + form_, "\n",
                    run.out, run.err, "exit status ", run.exit_code, "\n\n");
  }

  // What was said and answered.
  std::string text() const {
    return absl::StrReplaceAll(text_, {{absl::StrCat("uid ", getuid()), "uid 7"}});
  }

 private:
  std::string socket() const { return folder_.File("admin.sock"); }

  const std::string form_;
  const TempFolder folder_;
  EventLog log_;
  HandTurnedDaemon daemon_;
  std::unique_ptr<OperationRegistry> registry_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  int operations_ = 0;
  std::string text_;
};

// NAME.table, NAME.json and NAME.yaml hold one conversation each.
void ExpectConversation(const std::string& name, const std::function<void(Conversation&)>& talk) {
  for (const std::string form : {"table", "json", "yaml"}) {
    Conversation conversation(form);
    talk(conversation);
    ExpectGolden(absl::StrCat(name, ".", form), conversation.text());
  }
}

TEST(CtlSteeringTest, Pause) {
  ExpectConversation("plan_pause", [](Conversation& talk) {
    talk.Say("plan pause --group decode0");
    talk.Say("plan pause --group decode0 --dry-run");
    talk.Say("plan pause --group decode0 --yes --reason node3");
    talk.Say("plan pause --group decode0 --yes");
    talk.Say("plan pause --yes");
    talk.Say("plan pause --group x --yes");
    talk.Say("plan pause --group decode0 --yes --expect 7.9");
  });
}

TEST(CtlSteeringTest, Resume) {
  ExpectConversation("plan_resume", [](Conversation& talk) {
    talk.Say("plan resume --group decode0 --yes");
    talk.Say("plan pause --group decode0 --yes");
    talk.Say("plan resume --group decode0 --dry-run");
    talk.Say("plan resume --group decode0 --yes");
  });
}

TEST(CtlSteeringTest, Force) {
  ExpectConversation("plan_force", [](Conversation& talk) {
    // No solve is due by itself.
    talk.daemon().decode().Report(1020, {{1, 1}, {1, 1}, {400, 350}, {1, 1}});
    talk.Say("plan force --group decode0 --dry-run");
    talk.Say("plan force --group decode0 --yes --expect 7.9");
    talk.Say("plan force --group decode0 --yes --reason node3");
    talk.Say("plan force --group decode0 --yes");
    talk.daemon().decode().Switch();
    talk.Say("plan force --group decode0 --yes");
  });
}

TEST(CtlSteeringTest, Rollback) {
  ExpectConversation("plan_rollback", [](Conversation& talk) {
    talk.Say("plan rollback --group decode0 --dry-run");
    talk.Say("plan rollback --group decode0 --yes --version 7.1");
    talk.Say("plan rollback --group decode0 --yes --version 7.9");
    talk.Say("plan rollback --group decode0 --yes --version 7");
    talk.Say("plan rollback --group decode0 --yes --version 0.0 --reason node3");
    talk.Say("plan rollback --group decode0 --yes --version 0.0");
  });
}

TEST(CtlSteeringTest, Abort) {
  ExpectConversation("plan_abort", [](Conversation& talk) {
    talk.Say("plan abort --group decode0 --yes");
    talk.daemon().SolveAgain();
    talk.Say("plan abort --group decode0 --dry-run");
    talk.Say("plan abort --group decode0 --yes --reason node3");
    talk.Say("plan rollback --group decode0 --yes --version 0.0");
    talk.daemon().decode().AnswerAll(Kind::kPrepared);
    talk.Say("plan abort --group decode0 --dry-run");
    talk.Say("plan abort --group decode0 --yes");
  });
}

TEST(CtlSteeringTest, Operations) {
  ExpectConversation("plan_operations", [](Conversation& talk) {
    talk.Say("plan operations");
    talk.Say("plan pause --group decode0 --dry-run");
    talk.Say("plan force --group prefill0 --yes");
    talk.Say("plan rollback --group decode0 --yes --reason node3");
    talk.Say("plan operations");
  });
}

TEST(CtlSteeringTest, LogLevel) {
  ExpectConversation("log-level", [](Conversation& talk) {
    talk.Say("log-level debug --dry-run");
    talk.Say("log-level debug --yes");
    talk.Say("log-level loud --yes");
    talk.Say("log-level info");
  });
}

// Whether a golden file with that beginning exists.
bool HasGolden(const std::string& prefix) {
  for (const auto& file : std::filesystem::directory_iterator(BALLAST_TEST_DATA "/ctl")) {
    if (absl::StartsWith(file.path().filename().string(), prefix)) return true;
  }
  return false;
}

// Each command below `words`, and `words` itself if it is one.
void ExpectGoldensOfHelp(const std::vector<std::string>& words) {
  for (const std::string& command : CommandsOfHelp(words)) {
    std::vector<std::string> below = words;
    below.push_back(command);
    ExpectGoldensOfHelp(below);
  }
  std::vector<std::string> help = words;
  help.push_back("--help");
  const std::string name = absl::StrJoin(words, "_");
  const bool has_forms = absl::StrContains(RunCtl(help).out, "--output");
  if (!has_forms && !CommandsOfHelp(words).empty()) return;  // Only holds others.
  for (const std::string form : {"table", "json", "yaml"}) {
    EXPECT_TRUE(HasGolden(has_forms ? absl::StrCat(name, ".", form, ".golden") : name + "_"))
        << "tests/data/ctl has nothing of `ballastctl " << absl::StrJoin(words, " ") << "` as "
        << form;
  }
}

TEST(CtlSteeringTest, NoCommandIsWithoutGoldens) { ExpectGoldensOfHelp({}); }

}  // namespace
}  // namespace ballast::ctl
