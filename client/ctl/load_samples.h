#ifndef BALLAST_CLIENT_CTL_LOAD_SAMPLES_H_
#define BALLAST_CLIENT_CTL_LOAD_SAMPLES_H_

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "client/ctl/ctl_error.h"

namespace ballast::ctl {

// Counters of a cluster up to one step, made cumulative whatever the file holds.
struct LoadSample {
  std::uint64_t step_first = 0;      // The first step that is counted, the same in all.
  std::uint64_t step_last = 0;       // The last one.
  std::optional<double> time;        // Unix seconds of the rows, if they have any.
  std::vector<std::uint64_t> picks;  // [layers * experts] since step_first.
  bool begins = false;               // Nothing is counted: only says where counting begins.
};

// Reads counters as rows, in CSV with a header or in JSON lines, told by the first character.
//
// Columns, in any order: step (required), layer, expert (required), time (Unix seconds) and
// one of
//   picks           counted since the step of the sample before,
//   picks_per_step  their mean over these steps, as `load export` writes it,
//   picks_total     counted since anywhere: a counter that never falls.
// Rows of one step follow each other and make a sample; steps rise. An expert without a row
// has no picks, and with picks_total those that it had.
//
// The first sample counts the steps after `since_step`. Where that is not given, counting
// begins at step 0 for picks_per_step; for the others the steps of the first sample are
// unknown, so it only marks the beginning.
class LoadSampleReader {
 public:
  struct Shape {
    int num_layers = 0;
    int num_experts = 0;
  };

  // `in` must outlive the reader.
  LoadSampleReader(std::istream& in, const Shape& shape, std::optional<std::uint64_t> since_step)
      : in_(in), shape_(shape), since_step_(since_step) {}

  // The next sample, as soon as a row of another step or the end has been read; nullopt at the
  // end. Errors name the line: kExitUsage if it is no row, kExitRefused if a value is out of
  // range or does not follow.
  std::optional<CtlError> Next(std::optional<LoadSample>* sample);

 private:
  enum class Value { kUnknown, kPicks, kPerStep, kTotal };

  struct Row {
    std::uint64_t step = 0;
    std::optional<double> time;
    std::uint64_t layer = 0;
    std::uint64_t expert = 0;
    double value = 0;
  };

  std::optional<CtlError> ReadRow(std::optional<Row>* row);
  std::optional<CtlError> ReadHeader(const std::string& line);
  std::optional<CtlError> ParseCsv(const std::string& line, Row* row) const;
  std::optional<CtlError> ParseJson(const std::string& line, Row* row);
  std::optional<CtlError> CheckRow(const Row& row) const;
  std::optional<CtlError> TakeValueColumn(const std::string& name);
  std::optional<CtlError> SetField(const std::string& column, double value, Row* row) const;
  std::optional<CtlError> Put(const Row& row);
  std::optional<CtlError> Close(LoadSample* sample);
  CtlError Fault(ExitCode exit_code, const std::string& message) const;

  std::istream& in_;
  const Shape shape_;
  const std::optional<std::uint64_t> since_step_;
  int line_ = 0;
  bool csv_ = false;
  std::vector<std::string> columns_;  // Of the CSV header.
  Value value_ = Value::kUnknown;

  std::optional<Row> ahead_;  // Of the next sample.
  std::optional<std::uint64_t> step_first_;
  std::optional<std::uint64_t> last_step_;
  std::vector<bool> seen_;     // [layers * experts], in the sample being read.
  std::vector<double> read_;   // [layers * experts], its values.
  std::vector<double> base_;   // kTotal: where counting began.
  std::vector<double> total_;  // [layers * experts], picks since step_first_.
};

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_LOAD_SAMPLES_H_
