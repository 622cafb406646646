#include "daemon/ingest/load_service.h"

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
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

// One stream of one worker. Credits are few and reading does not wait for them; only a peer
// that does not take them is not read until it does. Deletes itself.
class ReportReactor final : public Reactor {
 public:
  ReportReactor(const GroupDirectory& groups, EventLog& log, std::string peer)
      : groups_(groups), log_(log), peer_(std::move(peer)) {
    StartRead(&in_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    const absl::Status status = Accept();
    credit_.reject.clear();
    if (status.ok()) {
      refusals_ = 0;
    } else {
      credit_.reject = std::string(status.message());
      if (++refusals_ >= kMaxRefusals) {
        Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, credit_.reject));
        return;
      }
    }
    if (!CreditDue(status.ok() && !credit_.dropped) || WriteOrWait()) StartRead(&in_);
  }

  void OnWriteDone(bool ok) override {
    bool waited = false;
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      waited = std::exchange(waiting_, false);
    }
    if (!waited) return;  // The read under way goes on, or ends the call.
    if (!ok) {
      Finish(grpc::Status::OK);
    } else if (WriteOrWait()) {
      StartRead(&in_);
    }
  }

  // Nothing to do: the read or write under way fails, and that ends the call.
  void OnCancel() override {}

  void OnDone() override { delete this; }

 private:
  // The rule that load.proto states.
  bool CreditDue(bool taken) {
    ++uncredited_;
    if (taken && !plan_changed_ && uncredited_ < in_.credit_every()) return false;
    uncredited_ = 0;
    return true;
  }

  // Begins to write the credit. If one is still being written, this one comes after it, and
  // false says that nothing may be read until then.
  bool WriteOrWait() {
    absl::MutexLock lock(&mutex_);
    if (writing_) {
      waiting_ = true;
      return false;
    }
    writing_ = true;
    EncodeCredit(credit_, &out_);
    StartWrite(&out_);
    return true;
  }

  // Counts and names a refused report; one of no group only once a stream.
  void Tell(const GroupHandle* group, const char* result, const absl::Status& status) {
    if (group != nullptr) {
      group->control->Refuse(RankId(static_cast<std::int32_t>(in_.rank())), result,
                             std::string(status.message()));
    } else if (refusals_ == 0) {
      log_.Write(Severity::kWarn, "report.refused",
                 {{"peer", peer_}, {"reason", std::string(status.message())}});
    }
  }

  absl::Status Accept() {
    // One for each thread of gRPC, not for each stream: the counts are large.
    thread_local GroupReport report;
    plan_changed_ = false;
    credit_.dropped = false;
    absl::Status status = DecodeCounters(in_, &report);
    const GroupHandle* group = groups_.Find(in_.ep_group());
    if (status.ok() && group == nullptr) {
      status = absl::NotFoundError(absl::StrCat("no EP group '", in_.ep_group(),
                                                "' is configured; there are: ", groups_.Names()));
    }
    if (status.ok()) {
      credit_.next_period = group->config->session.report_period;
      status = CheckReport(*group->config, report);
    }
    if (!status.ok()) {
      Tell(group, "rejected_shape", status);
      return status;
    }
    if (!report.padding_excluded) {
      status = absl::InvalidArgumentError(absl::StrCat(
          "rank ", report.report.rank.value,
          ": padding_excluded is false: padding and warm-up tokens are no load; leave them out"));
      Tell(group, ReportOutcomeName(ReportOutcome::kImplausible), status);
      return status;
    }
    const std::uint64_t sequence = report.report.sequence;
    plan_changed_ = plan_ != report.report.plan;
    plan_ = report.report.plan;
    // Counters are cumulative: where the queue is full the next report makes up for it, unless
    // it was the last of its plan. So the sender hears of it before any later one is taken.
    credit_.dropped = !group->control->Submit(std::move(report.report));
    if (!credit_.dropped) credit_.accepted_sequence = sequence;
    return absl::OkStatus();
  }

  const GroupDirectory& groups_;
  EventLog& log_;
  const std::string peer_;
  v1::Counters in_;
  v1::Credit out_;
  // What follows belongs to whoever has read last and not begun to read again.
  ReportCredit credit_;
  std::optional<PlanId> plan_;  // Of the last report.
  bool plan_changed_ = false;
  std::uint32_t uncredited_ = 0;  // Reports since the last credit.
  int refusals_ = 0;              // In a row.

  absl::Mutex mutex_;  // Reads and writes end on any thread.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;  // A credit waits, and with it the reading.
};

class LoadService final : public v1::Load::CallbackService {
 public:
  LoadService(const GroupDirectory& groups, EventLog& log) : groups_(groups), log_(log) {}

  Reactor* Report(grpc::CallbackServerContext* context) override {
    return new ReportReactor(groups_, log_, context->peer());
  }

 private:
  const GroupDirectory& groups_;
  EventLog& log_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeLoadService(const GroupDirectory& groups, EventLog& log) {
  return std::make_unique<LoadService>(groups, log);
}

}  // namespace ballast
