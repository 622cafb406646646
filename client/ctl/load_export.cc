#include "client/ctl/load_export.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace ballast::ctl {
namespace {

std::string Shortest(double value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end.ptr};
}

CtlError Refuse(std::string message) {
  CtlError error;
  error.code = "FAILED_PRECONDITION";
  error.message = std::move(message);
  return error;
}

void WriteCsv(const v1::GroupLoad& load, std::ostream& out) {
  out << "step,layer,expert,picks_per_step\n";
  for (const v1::LayerLoad& layer : load.layers()) {
    for (int expert = 0; expert < layer.expert_picks_size(); ++expert) {
      out << absl::StrCat(load.step(), ",", layer.layer(), ",", expert, ",",
                          Shortest(layer.expert_picks(expert)), "\n");
    }
  }
}

void WriteJsonl(const v1::GroupLoad& load, std::ostream& out) {
  for (const v1::LayerLoad& layer : load.layers()) {
    for (int expert = 0; expert < layer.expert_picks_size(); ++expert) {
      out << absl::StrCat("{\"step\":", load.step(), ",\"layer\":", layer.layer(),
                          ",\"expert\":", expert,
                          ",\"picks_per_step\":", Shortest(layer.expert_picks(expert)), "}\n");
    }
  }
}

// What `solve` must know of the fleet.
struct Fleet {
  std::uint32_t slots = 0;
  std::uint32_t rows = 1;
  bool even_slots = true;
  bool even_rows = true;
  bool even_speeds = true;
};

Fleet FleetOf(const v1::GroupLoad& load) {
  Fleet fleet;
  std::vector<int> ranks_of_row;
  for (const v1::RankLoad& rank : load.ranks()) {
    fleet.slots += rank.slots();
    if (rank.row() >= ranks_of_row.size()) ranks_of_row.resize(rank.row() + 1, 0);
    ++ranks_of_row[rank.row()];
    fleet.even_slots = fleet.even_slots && rank.slots() == load.ranks(0).slots();
    fleet.even_speeds = fleet.even_speeds && rank.speed() == load.ranks(0).speed();
  }
  for (const int ranks : ranks_of_row) {
    fleet.even_rows = fleet.even_rows && ranks == ranks_of_row[0];
  }
  if (fleet.even_rows) fleet.rows = static_cast<std::uint32_t>(ranks_of_row.size());
  return fleet;
}

std::optional<CtlError> WriteSolve(const v1::GroupLoad& load, std::ostream& out,
                                   std::string* note) {
  const Fleet fleet = FleetOf(load);
  if (!fleet.even_slots) {
    return Refuse(absl::StrCat("the ranks of ", load.ep_group(),
                               " hold different numbers of slots, and the input of solve has one "
                               "for all; export csv or jsonl"));
  }
  if (!fleet.even_rows) *note += "the rows differ in size: num_nodes is 1. ";
  if (!fleet.even_speeds) *note += "the ranks differ in speed: solve takes all as equally fast. ";
  out << absl::StrCat("{\"num_replicas\":", fleet.slots, ",\"num_gpus\":", load.ranks_size(),
                      ",\"num_nodes\":", fleet.rows,
                      ",\"num_groups\":", std::max(1u, load.shape().num_expert_groups()),
                      ",\"weight\":[");
  for (int layer = 0; layer < load.layers_size(); ++layer) {
    out << (layer == 0 ? "[" : ",[");
    const auto& picks = load.layers(layer).expert_picks();
    for (int expert = 0; expert < picks.size(); ++expert) {
      out << (expert == 0 ? "" : ",") << Shortest(picks.Get(expert));
    }
    out << "]";
  }
  out << "]}\n";
  return std::nullopt;
}

}  // namespace

std::optional<CtlError> ExportLoad(const v1::GroupLoad& load, LoadFormat format, std::ostream& out,
                                   std::string* note) {
  if (load.batches() == 0) {
    return Refuse(absl::StrCat("no batch of load is closed in ", load.ep_group(),
                               " yet; ballastctl load ", load.ep_group(), " says who reports"));
  }
  if (format == LoadFormat::kSolve) return WriteSolve(load, out, note);
  if (format == LoadFormat::kCsv) {
    WriteCsv(load, out);
  } else {
    WriteJsonl(load, out);
  }
  return std::nullopt;
}

}  // namespace ballast::ctl
