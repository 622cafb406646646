#include "daemon/observe/event_log.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"

namespace ballast {
namespace {

std::string Quoted(absl::string_view text) {
  // DEL is a control character too, and JSON lets it be.
  return absl::StrReplaceAll(nlohmann::json(std::string(text))
                                 .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                             {{"\x7f", "\\u007f"}});
}

bool IsPlain(absl::string_view text) {
  if (text.empty()) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c)) || absl::StrContains(" \"=\\", c);
  });
}

constexpr absl::string_view kLevels[] = {"trace", "debug", "info", "warn", "error"};

spdlog::level::level_enum LevelOf(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return spdlog::level::debug;
    case Severity::kInfo:
      return spdlog::level::info;
    case Severity::kWarn:
      return spdlog::level::warn;
    case Severity::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::shared_ptr<spdlog::logger> MakeLogger(spdlog::sink_ptr sink, absl::string_view level,
                                           bool json) {
  auto logger = std::make_shared<spdlog::logger>("ballastd", std::move(sink));
  logger->set_level(spdlog::level::from_str(std::string(level)));
  logger->flush_on(spdlog::level::trace);
  logger->set_pattern(json ? "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",%v}"
                           : "time=%Y-%m-%dT%H:%M:%S.%eZ level=%l %v",
                      spdlog::pattern_time_type::utc);
  return logger;
}

// Groups are limited each on their own, so that one does not silence another.
std::string LimitKey(absl::string_view event, std::initializer_list<EventLog::Field> fields) {
  for (const EventLog::Field& field : fields) {
    if (field.first == "group") return absl::StrCat(event, "/", field.second);
  }
  return std::string(event);
}

}  // namespace

std::string FormatEvent(bool json, absl::string_view event,
                        std::initializer_list<EventLog::Field> fields) {
  std::string line =
      json ? absl::StrCat("\"event\":", Quoted(event)) : absl::StrCat("event=", event);
  for (const EventLog::Field& field : fields) {
    if (json) {
      absl::StrAppend(&line, ",", Quoted(field.first), ":", Quoted(field.second));
    } else {
      absl::StrAppend(&line, " ", field.first, "=",
                      IsPlain(field.second) ? field.second : Quoted(field.second));
    }
  }
  return line;
}

EventLog::EventLog(absl::string_view level, bool json)
    : clock_(RealClock()),
      limiter_(EventLimits()),
      logger_(MakeLogger(std::make_shared<spdlog::sinks::stderr_sink_mt>(), level, json)),
      json_(json) {}

EventLog::EventLog(absl::string_view level, bool json, Clock& clock, std::ostream& out)
    : clock_(clock),
      limiter_(EventLimits()),
      logger_(MakeLogger(std::make_shared<spdlog::sinks::ostream_sink_mt>(out), level, json)),
      json_(json) {}

EventLog::~EventLog() = default;

absl::Status EventLog::SetLevel(absl::string_view level) {
  for (std::size_t i = 0; i < std::size(kLevels); ++i) {
    if (kLevels[i] != level) continue;
    logger_->set_level(static_cast<spdlog::level::level_enum>(i));
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("log level '", level, "' is none of ", absl::StrJoin(kLevels, ", ")));
}

std::string EventLog::CycleLevel() {
  switch (logger_->level()) {
    case spdlog::level::info:
      logger_->set_level(spdlog::level::debug);
      break;
    case spdlog::level::debug:
      logger_->set_level(spdlog::level::trace);
      break;
    default:
      logger_->set_level(spdlog::level::info);
  }
  return level();
}

std::string EventLog::level() const {
  return std::string(kLevels[std::min<std::size_t>(logger_->level(), std::size(kLevels) - 1)]);
}

void EventLog::Write(Severity severity, absl::string_view event,
                     std::initializer_list<Field> fields) {
  if (!logger_->should_log(LevelOf(severity))) return;
  if (severity == Severity::kDebug || limiter_.Admit(LimitKey(event, fields), clock_.Uptime())) {
    Print(severity, event, fields);
  }
  TellSuppressed();
}

void EventLog::TellSuppressed() {
  for (const EventLimiter::Suppressed& left_out : limiter_.TakeSuppressed(clock_.Uptime())) {
    Print(Severity::kWarn, "log.suppressed",
          {{"key", left_out.key}, {"count", absl::StrCat(left_out.count)}});
  }
}

void EventLog::Print(Severity severity, absl::string_view event,
                     std::initializer_list<Field> fields) {
  // As an argument, so that braces in a field are not taken for a format.
  logger_->log(LevelOf(severity), "{}", FormatEvent(json_, event, fields));
}

}  // namespace ballast
