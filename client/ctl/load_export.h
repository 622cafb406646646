#ifndef BALLAST_CLIENT_CTL_LOAD_EXPORT_H_
#define BALLAST_CLIENT_CTL_LOAD_EXPORT_H_

#include <optional>
#include <ostream>
#include <string>

#include "ballast/v1/query.pb.h"
#include "client/ctl/ctl_error.h"

namespace ballast::ctl {

// Forms of an exported load estimate. The same estimate gives the same bytes; numbers are
// the shortest decimals that read back as the same double.
enum class LoadFormat {
  kCsv,    // A header, then step,layer,expert,picks_per_step by layer, then expert.
  kJsonl,  // The same columns, one object a line.
  kSolve,  // The input of `ballastctl solve`, one JSON document: weight, num_replicas, ...
};

// The estimate of the layers in `load`, as a whole or not at all. Refused if no batch is
// closed, and for kSolve if the ranks hold different numbers of slots. `note` says what
// kSolve can not express; empty if nothing.
std::optional<CtlError> ExportLoad(const v1::GroupLoad& load, LoadFormat format, std::ostream& out,
                                   std::string* note);

}  // namespace ballast::ctl

#endif  // BALLAST_CLIENT_CTL_LOAD_EXPORT_H_
