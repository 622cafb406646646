#include "client/worker/load_stream.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "client/worker/report_schedule.h"
#include "proto/wire/load_wire.h"

namespace ballast {
namespace {

// A stream that lived this long was a good one: the next wait is a short one again.
constexpr absl::Duration kGoodStream = absl::Seconds(5);
// Bounds what a daemon can ask for; chosen: each serving step of a fast engine.
constexpr absl::Duration kShortestPeriod = absl::Milliseconds(10);

// Chosen: what a worker needs to know at once is credited at once anyway.
constexpr std::uint32_t kReportsPerCredit = 16;

}  // namespace

LoadStream::LoadStream(LoadCounters& counters, Identity identity, const Backoff& backoff,
                       absl::Duration period, std::shared_ptr<Wakeup> wakeup, const Clock& clock)
    : queue_(counters, identity.report),
      identity_(std::move(identity)),
      backoff_(backoff),
      period_(period),
      wakeup_(std::move(wakeup)),
      clock_(clock) {}

void LoadStream::Open(const std::shared_ptr<grpc::Channel>& channel, absl::Duration now) {
  channel_ = channel;
  stub_ = v1::Load::NewStub(channel);
  Start(now);
}

void LoadStream::Close() {
  channel_.reset();
  start_at_ = absl::InfiniteDuration();
  report_at_ = absl::InfiniteDuration();
  if (link_ != nullptr) link_->Close();
}

void LoadStream::Start(absl::Duration now) {
  link_ = std::make_unique<Link>(wakeup_);
  stub_->async()->Report(&link_->context(), link_.get());
  link_->Start();
  queue_.OnReconnect();
  start_at_ = absl::InfiniteDuration();
  started_at_ = now;
  report_at_ = now;
}

void LoadStream::SetPeriod(absl::Duration period, absl::Duration now) {
  if (period <= absl::ZeroDuration()) return;
  period_ = std::max(period, kShortestPeriod);
  if (channel_ != nullptr) {
    report_at_ = std::min(report_at_, now + UntilNextReport(clock_.WallNow(), period_));
  }
}

void LoadStream::OnActivation(absl::Duration now) {
  queue_.NoteActivation();
  if (channel_ != nullptr) report_at_ = now;
}

void LoadStream::Pump(bool counting, absl::Duration now, const Rejected& rejected) {
  if (link_ != nullptr) {
    ReadCredits(now, rejected);
    if (link_->ended()) link_->Release();
    if (link_->finished()) Finish(now);
  }
  if (channel_ != nullptr && link_ == nullptr && now >= start_at_) Start(now);
  if (now >= report_at_) {
    queue_.SetDue();
    report_at_ = now + UntilNextReport(clock_.WallNow(), period_);
  }
  if (link_ == nullptr || !counting || !link_->writable()) return;
  if (const std::optional<LoadReport> report = queue_.Next(); report.has_value()) Send(*report);
}

void LoadStream::ReadCredits(absl::Duration now, const Rejected& rejected) {
  v1::Credit message;
  while (link_->Read(&message)) {
    const absl::StatusOr<ReportCredit> credit = DecodeCredit(message);
    if (!credit.ok()) {
      rejected(std::string(credit.status().message()));
      link_->Close();
      return;
    }
    queue_.OnAccepted(credit->accepted_sequence);
    if (credit->dropped) queue_.OnDropped();
    if (credit->next_period != period_) SetPeriod(credit->next_period, now);
    if (!credit->reject.empty()) rejected(credit->reject);
  }
}

void LoadStream::Finish(absl::Duration now) {
  link_.reset();
  if (channel_ == nullptr) return;
  if (now - started_at_ > kGoodStream) backoff_.Reset();
  start_at_ = now + backoff_.Next();
}

void LoadStream::Send(const LoadReport& report) {
  GroupReport message;
  message.ep_group = identity_.ep_group;
  message.num_layers = identity_.num_layers;
  message.num_columns = identity_.num_columns;
  message.padding_excluded = identity_.padding_excluded;
  message.credit_every = kReportsPerCredit;
  message.report = report;
  v1::Counters counters;
  EncodeCounters(message, &counters);
  link_->Write(std::move(counters));
  sent_.store(queue_.sent(), std::memory_order_relaxed);
}

absl::Duration LoadStream::next_deadline() const { return std::min(report_at_, start_at_); }

}  // namespace ballast
