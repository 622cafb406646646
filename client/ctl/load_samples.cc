#include "client/ctl/load_samples.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/ctl/nearest_name.h"

namespace ballast::ctl {
namespace {

using nlohmann::json;

const std::vector<std::string> kColumns = {"step",  "time",           "layer",      "expert",
                                           "picks", "picks_per_step", "picks_total"};

// Doubles hold every integer up to here, so sums of picks are exact.
constexpr double kLargestCount = 9007199254740992;

bool IsValueColumn(const std::string& name) { return name.rfind("picks", 0) == 0; }

bool IsColumn(const std::string& name) {
  return std::find(kColumns.begin(), kColumns.end(), name) != kColumns.end();
}

bool ToIndex(double value, std::uint64_t* index) {
  if (!(value >= 0) || value > kLargestCount || value != std::floor(value)) return false;
  *index = static_cast<std::uint64_t>(value);
  return true;
}

}  // namespace

CtlError LoadSampleReader::Fault(ExitCode exit_code, const std::string& message) const {
  CtlError error;
  error.exit_code = exit_code;
  error.code = "INVALID_ARGUMENT";
  error.message = absl::StrCat("line ", line_, ": ", message);
  return error;
}

std::optional<CtlError> LoadSampleReader::TakeValueColumn(const std::string& name) {
  const Value value = name == "picks"            ? Value::kPicks
                      : name == "picks_per_step" ? Value::kPerStep
                                                 : Value::kTotal;
  if (value_ != Value::kUnknown && value_ != value) {
    return Fault(kExitUsage, absl::StrCat(name,
                                          " beside another column of picks; give one of "
                                          "picks, picks_per_step, picks_total"));
  }
  value_ = value;
  return std::nullopt;
}

std::optional<CtlError> LoadSampleReader::ReadHeader(const std::string& line) {
  for (const absl::string_view part : absl::StrSplit(line, ',')) {
    const std::string name(absl::StripAsciiWhitespace(part));
    if (!IsColumn(name)) {
      return Fault(kExitUsage, absl::StrCat("the header names column '", name, "'; did you mean ",
                                            NearestName(name, kColumns), "?"));
    }
    if (std::find(columns_.begin(), columns_.end(), name) != columns_.end()) {
      return Fault(kExitUsage, absl::StrCat("column ", name, " stands twice"));
    }
    columns_.push_back(name);
    if (!IsValueColumn(name)) continue;
    if (auto error = TakeValueColumn(name)) return error;
  }
  for (const char* needed : {"step", "layer", "expert"}) {
    if (std::find(columns_.begin(), columns_.end(), needed) == columns_.end()) {
      return Fault(kExitUsage, absl::StrCat("the header has no column ", needed));
    }
  }
  if (value_ == Value::kUnknown) {
    return Fault(kExitUsage, "the header has none of picks, picks_per_step, picks_total");
  }
  return std::nullopt;
}

std::optional<CtlError> LoadSampleReader::SetField(const std::string& column, double value,
                                                   Row* row) const {
  if (column == "time") {
    if (!std::isfinite(value)) return Fault(kExitRefused, absl::StrCat("time ", value));
    row->time = value;
    return std::nullopt;
  }
  if (IsValueColumn(column)) {
    row->value = value;
    return std::nullopt;
  }
  std::uint64_t* const index = column == "step"    ? &row->step
                               : column == "layer" ? &row->layer
                                                   : &row->expert;
  if (ToIndex(value, index)) return std::nullopt;
  return Fault(kExitRefused, absl::StrCat(column, " ", value, " is no whole number from 0 on"));
}

std::optional<CtlError> LoadSampleReader::ParseCsv(const std::string& line, Row* row) const {
  const std::vector<std::string> cells = absl::StrSplit(line, ',');
  if (cells.size() != columns_.size()) {
    return Fault(kExitUsage,
                 absl::StrCat(cells.size(), " cells, the header has ", columns_.size()));
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    double value = 0;
    if (!absl::SimpleAtod(cells[i], &value)) {
      return Fault(kExitUsage, absl::StrCat(columns_[i], " '", cells[i], "' is no number"));
    }
    if (auto error = SetField(columns_[i], value, row)) return error;
  }
  return std::nullopt;
}

std::optional<CtlError> LoadSampleReader::ParseJson(const std::string& line, Row* row) {
  const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Fault(kExitUsage, "is no JSON object");
  bool has_value = false;
  for (const auto& [name, value] : object.items()) {
    if (!IsColumn(name)) {
      return Fault(kExitUsage, absl::StrCat("unknown key \"", name, "\"; did you mean \"",
                                            NearestName(name, kColumns), "\"?"));
    }
    if (!value.is_number()) return Fault(kExitUsage, absl::StrCat(name, " is no number"));
    if (IsValueColumn(name)) {
      if (auto error = TakeValueColumn(name)) return error;
      has_value = true;
    }
    if (auto error = SetField(name, value.get<double>(), row)) return error;
  }
  for (const char* needed : {"step", "layer", "expert"}) {
    if (!object.contains(needed)) return Fault(kExitUsage, absl::StrCat("has no ", needed));
  }
  if (has_value) return std::nullopt;
  return Fault(kExitUsage, "has none of picks, picks_per_step, picks_total");
}

std::optional<CtlError> LoadSampleReader::CheckRow(const Row& row) const {
  const std::string place = absl::StrCat("layer ", row.layer, ", expert ", row.expert);
  if (row.layer >= static_cast<std::uint64_t>(shape_.num_layers)) {
    return Fault(kExitRefused,
                 absl::StrCat("layer ", row.layer, " out of [0, ", shape_.num_layers, ")"));
  }
  if (row.expert >= static_cast<std::uint64_t>(shape_.num_experts)) {
    return Fault(kExitRefused, absl::StrCat("layer ", row.layer, ": expert ", row.expert,
                                            " out of [0, ", shape_.num_experts, ")"));
  }
  if (!(row.value >= 0) || row.value > kLargestCount) {
    return Fault(kExitRefused, absl::StrCat(place, ": picks ", row.value, " are not in [0, 2^53]"));
  }
  std::uint64_t whole = 0;
  if (value_ != Value::kPerStep && !ToIndex(row.value, &whole)) {
    return Fault(kExitRefused, absl::StrCat(place, ": picks ", row.value, " are no whole number"));
  }
  return std::nullopt;
}

std::optional<CtlError> LoadSampleReader::ReadRow(std::optional<Row>* row) {
  row->reset();
  std::string line;
  while (std::getline(in_, line)) {
    ++line_;
    line = std::string(absl::StripAsciiWhitespace(line));
    if (line.empty()) continue;
    const bool first = !csv_ && value_ == Value::kUnknown;
    if (first && line[0] != '{') {
      csv_ = true;
      if (auto error = ReadHeader(line)) return error;
      continue;
    }
    Row read;
    if (auto error = csv_ ? ParseCsv(line, &read) : ParseJson(line, &read)) return error;
    if (auto error = CheckRow(read)) return error;
    *row = read;
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<CtlError> LoadSampleReader::Put(const Row& row) {
  const std::size_t cell = row.layer * static_cast<std::size_t>(shape_.num_experts) + row.expert;
  if (seen_[cell]) {
    return Fault(kExitRefused, absl::StrCat("layer ", row.layer, ", expert ", row.expert,
                                            " stands twice in step ", row.step));
  }
  if (value_ == Value::kTotal && last_step_.has_value() && row.value < read_[cell]) {
    return Fault(kExitRefused,
                 absl::StrCat("layer ", row.layer, ", expert ", row.expert,
                              ": picks_total falls from ", read_[cell], " to ", row.value));
  }
  seen_[cell] = true;
  read_[cell] = row.value;
  return std::nullopt;
}

// Turns the values read into picks since the beginning.
std::optional<CtlError> LoadSampleReader::Close(LoadSample* sample) {
  const std::uint64_t step = sample->step_last;
  sample->begins = false;
  if (!last_step_.has_value()) {
    total_.assign(read_.size(), 0);
    base_.assign(read_.size(), 0);
    sample->begins = !since_step_.has_value() && value_ != Value::kPerStep;
    last_step_ = sample->begins ? step : since_step_.value_or(0);
    step_first_ = *last_step_ + 1;
    if (sample->begins && value_ == Value::kTotal) base_ = read_;
    if (!sample->begins && step <= *last_step_) {
      return Fault(kExitRefused,
                   absl::StrCat("step ", step, " is not after --since-step ", *last_step_));
    }
  }
  const double steps = static_cast<double>(step - *last_step_);
  for (std::size_t i = 0; i < read_.size() && !sample->begins; ++i) {
    if (value_ == Value::kTotal) total_[i] = read_[i] - base_[i];
    if (value_ == Value::kPicks) total_[i] += read_[i];
    if (value_ == Value::kPerStep) total_[i] += read_[i] * steps;
    if (total_[i] > kLargestCount) return Fault(kExitRefused, "the picks add up to more than 2^53");
  }
  last_step_ = step;
  sample->step_first = *step_first_;
  sample->picks.resize(total_.size());
  for (std::size_t i = 0; i < total_.size(); ++i) {
    sample->picks[i] = static_cast<std::uint64_t>(std::llround(total_[i]));
  }
  return std::nullopt;
}

std::optional<CtlError> LoadSampleReader::Next(std::optional<LoadSample>* sample) {
  sample->reset();
  if (!ahead_.has_value()) {
    if (auto error = ReadRow(&ahead_)) return error;
    if (!ahead_.has_value()) return std::nullopt;
  }
  const std::size_t cells = static_cast<std::size_t>(shape_.num_layers) * shape_.num_experts;
  seen_.assign(cells, false);
  if (value_ != Value::kTotal) read_.clear();
  read_.resize(cells, 0);
  LoadSample read;
  read.step_last = ahead_->step;
  read.time = ahead_->time;
  if (last_step_.has_value() && read.step_last <= *last_step_) {
    return Fault(kExitRefused, absl::StrCat("step ", read.step_last, " after step ", *last_step_,
                                            "; steps must rise"));
  }
  while (ahead_.has_value() && ahead_->step == read.step_last) {
    if (auto error = Put(*ahead_)) return error;
    if (auto error = ReadRow(&ahead_)) return error;
  }
  if (auto error = Close(&read)) return error;
  *sample = std::move(read);
  return std::nullopt;
}

}  // namespace ballast::ctl
