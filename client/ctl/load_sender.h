#ifndef BALLAST_CLIENT_CTL_LOAD_SENDER_H_
#define BALLAST_CLIENT_CTL_LOAD_SENDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ballast/v1/load.grpc.pb.h"
#include "ballast/v1/query.pb.h"
#include "client/ctl/ctl_error.h"
#include "client/ctl/load_samples.h"
#include "core/base/clock.h"
#include "proto/wire/load_wire.h"

namespace ballast::ctl {

// Reports counters of a cluster that is not the daemon's, in place of all its ranks: each
// pick is reported by one of them, spread evenly, as picks sent per logical expert. One
// stream a rank, as the workers have.
class LoadSender {
 public:
  // `group` is the daemon's answer for the group, whole; the clock must outlive the sender.
  LoadSender(const std::string& address, const v1::GroupLoad& group, Clock& clock);
  ~LoadSender();

  // Returns when the daemon has taken the sample from every rank. kExitUnreachable if it is
  // gone, kExitRefused with its reason.
  std::optional<CtlError> Send(const LoadSample& sample);

 private:
  struct Stream;

  std::optional<CtlError> SendOnce(std::vector<bool>& taken);
  std::optional<CtlError> EndOf(Stream& stream) const;

  const std::string address_;
  Clock& clock_;
  GroupReport report_;                            // What all have in common.
  std::vector<std::unique_ptr<Stream>> streams_;  // [num_ranks]
};

// How many of `picks` of one cell the rank reports: over all ranks they add up to `picks`,
// differ by one at most, and none falls where `picks` rises.
std::uint64_t ShareOfRank(std::uint64_t picks, std::uint64_t cell, std::uint64_t rank,
                          std::uint64_t num_ranks);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_LOAD_SENDER_H_
