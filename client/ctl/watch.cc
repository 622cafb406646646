#include "client/ctl/watch.h"

#include <sstream>

#include "absl/synchronization/mutex.h"

namespace ballast::ctl {
namespace {

// To the upper left corner, and clear to the end.
constexpr char kNewScreen[] = "\x1b[H\x1b[2J";

}  // namespace

void Sleep(Clock& clock, absl::Duration time) {
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  bool never = false;
  clock.WaitUntil(mutex, absl::Condition(&never), clock.Uptime() + time);
}

int Watch(const Environment& environment, OutputForm form, const Screen& screen) {
  std::ostream& out = environment.streams.out;
  while (out.good()) {
    std::ostringstream text;
    const std::optional<CtlError> error = screen(text);
    if (environment.screen && form == OutputForm::kTable) out << kNewScreen << std::flush;
    if (error.has_value()) Fail(*error, form, environment.streams);
    if (form == OutputForm::kYaml) out << "---\n";
    out << text.str();
    if (form == OutputForm::kTable && !environment.screen) out << "\n";
    out << std::flush;
    Sleep(environment.clock, absl::Seconds(1));
  }
  return kExitOk;
}

int ShowOnce(const Environment& environment, OutputForm form, const Screen& screen) {
  std::ostringstream text;
  if (const auto error = screen(text)) return Fail(*error, form, environment.streams);
  environment.streams.out << text.str() << std::flush;
  return kExitOk;
}

}  // namespace ballast::ctl
