#ifndef BALLAST_CLIENT_CTL_WATCH_H_
#define BALLAST_CLIENT_CTL_WATCH_H_

#include <functional>
#include <optional>
#include <ostream>

#include "absl/time/time.h"
#include "client/ctl/command.h"
#include "client/ctl/ctl_error.h"

namespace ballast::ctl {

// Asks once and prints the answer.
using Screen = std::function<std::optional<CtlError>(std::ostream& out)>;

// Shows `screen` every second until the program or its output ends, whether or not the daemon
// answers: one that restarts is what is watched for. On a terminal each screen replaces the
// one before; else tables are set apart by an empty line, and YAML documents by "---".
int Watch(const Environment& environment, OutputForm form, const Screen& screen);

// Shows it once. Returns the exit code.
int ShowOnce(const Environment& environment, OutputForm form, const Screen& screen);

void Sleep(Clock& clock, absl::Duration time);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_WATCH_H_
