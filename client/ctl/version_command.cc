#include "client/ctl/version_command.h"

#include <memory>

namespace ballast::ctl {

const char* ProgramVersion() { return BALLAST_VERSION; }

void AddVersionCommand(CommandLine& line) {
  CLI::App* version = line.app.add_subcommand("version", "Print the version of ballastctl");
  auto form = std::make_shared<OutputForm>(OutputForm::kTable);
  AddOutputOption(version, form.get());
  version->callback([&line, form] {
    line.run = [form](const Environment& environment) {
      if (*form == OutputForm::kTable) {
        environment.streams.out << "ballastctl " BALLAST_VERSION "\n";
      } else {
        PrintDocument({{"ballastctl", BALLAST_VERSION}}, *form, environment.streams.out);
      }
      return static_cast<int>(kExitOk);
    };
  });
}

}  // namespace ballast::ctl
