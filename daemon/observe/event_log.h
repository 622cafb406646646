#ifndef BALLAST_DAEMON_OBSERVE_EVENT_LOG_H_
#define BALLAST_DAEMON_OBSERVE_EVENT_LOG_H_

#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/base/clock.h"
#include "daemon/observe/event_limiter.h"

namespace spdlog {
class logger;
}  // namespace spdlog

namespace ballast {

enum class Severity { kDebug, kInfo, kWarn, kError };

// Writes events to standard error, one line each: time, level, a stable event name and
// fields. `logfmt`: time=... level=info event=plan.decided group=demo plan="7.42 (a91f03c2)";
// `json`: one object with the same keys, all values text. Event names are listed in
// docs/operations.md and never change meaning.
//
// Events of one name and group are limited to EventLimits, but for debug and trace, which
// somebody asked for. What is left out is told in numbers:
// event=log.suppressed key=report.refused count=1200.
//
// Thread-safe.
class EventLog {
 public:
  using Field = std::pair<absl::string_view, std::string>;

  // `level`: trace, debug, info, warn, error.
  EventLog(absl::string_view level, bool json);
  // For tests: writes to `out`; both must outlive it.
  EventLog(absl::string_view level, bool json, Clock& clock, std::ostream& out);
  ~EventLog();

  // From now on. InvalidArgument, with the names there are, for another one.
  absl::Status SetLevel(absl::string_view level);
  // More of it: info, debug, trace, and info again. Returns the level from now on.
  std::string CycleLevel();
  std::string level() const;

  void Write(Severity severity, absl::string_view event, std::initializer_list<Field> fields = {});

  // Tells what was left out and not told yet, if it is due. Each Write() does the same; call
  // it now and then for the time after the last one.
  void TellSuppressed();

 private:
  void Print(Severity severity, absl::string_view event, std::initializer_list<Field> fields);

  Clock& clock_;
  EventLimiter limiter_;
  std::shared_ptr<spdlog::logger> logger_;
  const bool json_;
};

// One event as it is written, without time and level: `event=a.b key=value`, or the inside of a
// JSON object.
std::string FormatEvent(bool json, absl::string_view event,
                        std::initializer_list<EventLog::Field> fields);

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_EVENT_LOG_H_
