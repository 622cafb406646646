#include "client/ctl/load_sender.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/ctl/watch.h"
#include "proto/wire/placement_wire.h"

namespace ballast::ctl {
namespace {

// A daemon whose queue is full takes the report some turns later; one that does not for this
// long is stuck. Chosen: 200 turns of its loop.
constexpr int kTries = 1000;
constexpr absl::Duration kRetry = absl::Milliseconds(10);

// A stream without answer for 10 s and 5 s more ends; the daemon allows pings every 5 s.
std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

struct LoadSender::Stream {
  explicit Stream(v1::Load::Stub& stub) : call(stub.Report(&context)) {}

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::Counters, v1::Credit>> call;
  v1::Counters message;
  bool unread = false;  // A credit is on its way.
  bool ended = false;
};

LoadSender::LoadSender(const std::string& address, const v1::GroupLoad& group, Clock& clock)
    : address_(address), clock_(clock) {
  const auto stub = v1::Load::NewStub(Connect(address));
  for (int rank = 0; rank < group.ranks_size(); ++rank) {
    streams_.push_back(std::make_unique<Stream>(*stub));
  }
  report_.ep_group = group.ep_group();
  report_.num_layers = static_cast<int>(group.shape().num_layers());
  report_.num_columns = static_cast<int>(group.shape().num_experts());
  report_.padding_excluded = true;
  report_.report.form = ReportForm::kExpert;
  report_.report.counter_bits = 64;
  report_.report.incarnation = std::max<std::uint64_t>(1, RandomSeed());
  // Expert counts need no plan; they are cumulative as long as it is the same.
  const absl::StatusOr<PlanId> plan = DecodePlanId(group.plan());
  if (plan.ok()) report_.report.plan = *plan;
}

LoadSender::~LoadSender() {
  for (const std::unique_ptr<Stream>& stream : streams_) {
    if (stream->ended) continue;
    // A call with something unread does not finish.
    if (stream->unread) stream->context.TryCancel();
    stream->call->WritesDone();
    stream->call->Finish();
  }
}

std::optional<CtlError> LoadSender::EndOf(Stream& stream) const {
  v1::Credit unread;
  while (stream.call->Read(&unread)) {
  }
  const grpc::Status status = stream.call->Finish();
  stream.ended = true;
  CtlError error;
  error.code = absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code()));
  if (status.ok() || status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    error.exit_code = kExitUnreachable;
    error.code = absl::StatusCodeToString(absl::StatusCode::kUnavailable);
    error.message = absl::StrCat("the daemon at ", address_, " ended the stream of reports (",
                                 status.error_message(), "). Does ballastd run there?");
    return error;
  }
  error.message = absl::StrCat("the daemon at ", address_, " refuses: ", status.error_message());
  return error;
}

std::optional<CtlError> LoadSender::SendOnce(std::vector<bool>& taken) {
  for (std::size_t rank = 0; rank < streams_.size(); ++rank) {
    if (taken[rank]) continue;
    Stream& stream = *streams_[rank];
    if (!stream.call->Write(stream.message)) return EndOf(stream);
    stream.unread = true;
  }
  for (std::size_t rank = 0; rank < streams_.size(); ++rank) {
    if (taken[rank]) continue;
    Stream& stream = *streams_[rank];
    v1::Credit credit;
    if (!stream.call->Read(&credit)) return EndOf(stream);
    stream.unread = false;
    if (!credit.reject().empty()) {
      CtlError error;
      error.code = absl::StatusCodeToString(absl::StatusCode::kInvalidArgument);
      error.message = absl::StrCat("the daemon at ", address_, " refuses: ", credit.reject());
      return error;
    }
    taken[rank] = credit.accepted_sequence() >= report_.report.sequence;
  }
  return std::nullopt;
}

std::optional<CtlError> LoadSender::Send(const LoadSample& sample) {
  ++report_.report.sequence;
  report_.report.step_first = sample.step_first;
  report_.report.step_last = sample.step_last;
  report_.report.counts.resize(sample.picks.size());
  for (std::size_t rank = 0; rank < streams_.size(); ++rank) {
    report_.report.rank = RankId(static_cast<std::int32_t>(rank));
    for (std::size_t cell = 0; cell < sample.picks.size(); ++cell) {
      report_.report.counts[cell] = ShareOfRank(sample.picks[cell], cell, rank, streams_.size());
    }
    EncodeCounters(report_, &streams_[rank]->message);
  }
  std::vector<bool> taken(streams_.size(), false);
  for (int tries = 0; tries < kTries; ++tries) {
    if (tries > 0) Sleep(clock_, kRetry);
    if (auto error = SendOnce(taken)) return error;
    if (std::all_of(taken.begin(), taken.end(), [](bool one) { return one; })) return std::nullopt;
  }
  CtlError error;
  error.code = absl::StatusCodeToString(absl::StatusCode::kResourceExhausted);
  error.message = absl::StrCat("the daemon at ", address_, " takes no reports of group ",
                               report_.ep_group, ": its queue stays full");
  return error;
}

std::uint64_t ShareOfRank(std::uint64_t picks, std::uint64_t cell, std::uint64_t rank,
                          std::uint64_t num_ranks) {
  // The odd picks of a cell go to the ranks from (cell mod num_ranks) on.
  const std::uint64_t place = (rank + num_ranks - cell % num_ranks) % num_ranks;
  return picks / num_ranks + (place < picks % num_ranks ? 1 : 0);
}

}  // namespace ballast::ctl
