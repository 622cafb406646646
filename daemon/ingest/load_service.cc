#include "daemon/ingest/load_service.h"

#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ballast/v1/load.grpc.pb.h"
#include "proto/wire/load_wire.h"

namespace ballast {
namespace {

absl::Status CheckReport(const GroupConfig& config, const GroupReport& report) {
  const int rank = report.report.rank.value;
  if (rank >= config.topology.num_ranks()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "rank ", rank, " out of [0, ", config.topology.num_ranks(), ") of group ", config.name));
  }
  const int columns = report.report.form == ReportForm::kSlot
                          ? config.topology.slots_of(RankId(rank)).count
                          : config.shape.num_experts;
  if (report.num_layers != config.shape.num_layers || report.num_columns != columns) {
    return absl::InvalidArgumentError(absl::StrCat(
        "rank ", rank, ": report has ", report.num_layers, " layers x ", report.num_columns,
        " columns, expected ", config.shape.num_layers, " x ", columns));
  }
  return absl::OkStatus();
}

using Reactor = grpc::ServerBidiReactor<v1::Counters, v1::Credit>;

// One stream of one worker. Reads the next report only when the credit of the last one
// is written, so that a worker can not run ahead of the daemon. Deletes itself.
class ReportReactor final : public Reactor {
 public:
  ReportReactor(const GroupDirectory& groups, EventLog& log, absl::Duration report_period,
                std::string peer)
      : groups_(groups), log_(log), report_period_(report_period), peer_(std::move(peer)) {
    StartRead(&in_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    credit_.next_period = report_period_;
    credit_.reject.clear();
    const absl::Status status = Accept();
    if (status.ok()) {
      refusals_ = 0;
    } else {
      credit_.reject = std::string(status.message());
      log_.Write(Severity::kWarn, "report.refused", {{"peer", peer_}, {"reason", credit_.reject}});
      if (++refusals_ >= kMaxRefusals) {
        Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, credit_.reject));
        return;
      }
    }
    EncodeCredit(credit_, &out_);
    StartWrite(&out_);
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      StartRead(&in_);
    } else {
      Finish(grpc::Status::OK);
    }
  }

  // Nothing to do: the read or write under way fails, and that ends the call.
  void OnCancel() override {}

  void OnDone() override { delete this; }

 private:
  absl::Status Accept() {
    GroupReport report;
    absl::Status status = DecodeCounters(in_, &report);
    if (!status.ok()) return status;
    const GroupHandle* group = groups_.Find(report.ep_group);
    if (group == nullptr) {
      return absl::NotFoundError(absl::StrCat("no EP group '", report.ep_group,
                                              "' is configured; there are: ", groups_.Names()));
    }
    status = CheckReport(*group->config, report);
    if (!status.ok()) return status;
    const std::uint64_t sequence = report.report.sequence;
    // Counters are cumulative: where the queue is full the next report makes up for it.
    if (group->control->Submit(std::move(report.report))) credit_.accepted_sequence = sequence;
    return absl::OkStatus();
  }

  const GroupDirectory& groups_;
  EventLog& log_;
  const absl::Duration report_period_;
  const std::string peer_;
  v1::Counters in_;
  v1::Credit out_;
  ReportCredit credit_;
  int refusals_ = 0;
};

class LoadService final : public v1::Load::CallbackService {
 public:
  LoadService(const GroupDirectory& groups, EventLog& log, absl::Duration report_period)
      : groups_(groups), log_(log), report_period_(report_period) {}

  Reactor* Report(grpc::CallbackServerContext* context) override {
    return new ReportReactor(groups_, log_, report_period_, context->peer());
  }

 private:
  const GroupDirectory& groups_;
  EventLog& log_;
  const absl::Duration report_period_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeLoadService(const GroupDirectory& groups, EventLog& log,
                                               absl::Duration report_period) {
  return std::make_unique<LoadService>(groups, log, report_period);
}

}  // namespace ballast
