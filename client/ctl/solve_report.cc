#include "client/ctl/solve_report.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/ctl/text_table.h"

namespace ballast::ctl {
namespace {

using nlohmann::json;

json OrNull(const std::optional<double>& value) {
  return value.has_value() ? json(*value) : json();
}

template <typename Id>
json Indices(bool all, const std::vector<Id>& ids) {
  if (all) return "all";
  json list = json::array();
  for (Id id : ids) list.push_back(id.value);
  return list;
}

json ProofJson(const BoundProof& proof) {
  json out = {{"experts", Indices(proof.all_experts, proof.experts)},
              {"ranks", Indices(proof.all_ranks, proof.ranks)},
              {"load", proof.load},
              {"capacity", proof.capacity}};
  if (!proof.text.empty()) out["text"] = proof.text;
  return out;
}

// Replica lists of one layer, by replica index where the planner gave one, else by slot.
std::vector<std::vector<int>> SlotsOfExperts(const SolveRequest& request, const PlanResult& result,
                                             int layer) {
  std::vector<std::vector<int>> slots(request.shape.num_experts);
  const absl::Span<const ExpertId> experts = result.plan.experts(LayerId(layer));
  for (int slot = 0; slot < result.plan.num_slots; ++slot) {
    slots[experts[slot].value].push_back(slot);
  }
  if (result.replica_index.empty()) return slots;
  const std::size_t first = static_cast<std::size_t>(layer) * result.plan.num_slots;
  for (std::vector<int>& of_expert : slots) {
    std::sort(of_expert.begin(), of_expert.end(), [&](int a, int b) {
      return result.replica_index[first + a] < result.replica_index[first + b];
    });
  }
  return slots;
}

void AddPlacement(const SolveRequest& request, const PlanResult& result, json& out) {
  json phy2log = json::array();
  json logcnt = json::array();
  std::vector<std::vector<std::vector<int>>> log2phy;
  std::size_t width = 0;
  for (int layer = 0; layer < request.shape.num_layers; ++layer) {
    json experts = json::array();
    for (ExpertId expert : result.plan.experts(LayerId(layer))) experts.push_back(expert.value);
    phy2log.push_back(std::move(experts));
    log2phy.push_back(SlotsOfExperts(request, result, layer));
    json counts = json::array();
    for (const std::vector<int>& slots : log2phy.back()) {
      counts.push_back(slots.size());
      width = std::max(width, slots.size());
    }
    logcnt.push_back(std::move(counts));
  }
  for (std::vector<std::vector<int>>& layer : log2phy) {
    for (std::vector<int>& slots : layer) slots.resize(width, -1);
  }
  out["phy2log"] = std::move(phy2log);
  out["log2phy"] = log2phy;
  out["logcnt"] = std::move(logcnt);
}

double MeanLoad(const SolveRequest& request, int layer) {
  double load = 0;
  double speed = 0;
  for (double picks : request.load.layer(LayerId(layer))) load += picks;
  for (int rank = 0; rank < request.topology->num_ranks(); ++rank) {
    speed += request.topology->relative_speed(RankId(rank));
  }
  return load / speed;
}

double Imbalance(const SolveRequest& request, const SolveReport& report, int layer) {
  const double mean = MeanLoad(request, layer);
  // Of an equal load on all ranks, rounding may leave a hair below 1.
  return mean > 0 ? std::max(1.0, report.splits[layer].value(request.rule()) / mean) : 1.0;
}

std::string FallbackLine(const PlanResult& result) {
  return result.fallback.empty() ? "" : absl::StrCat("NOTE  ", result.fallback, "\n");
}

}  // namespace

SolveReport MakeSolveReport(const SolveRequest& request, PlanResult result) {
  SolveReport report;
  report.result = std::move(result);
  std::vector<LayerCertificate> layers;
  for (int layer = 0; layer < request.shape.num_layers; ++layer) {
    const absl::Span<const double> load = request.load.layer(LayerId(layer));
    report.splits.push_back(
        SplitLayer(*request.topology, load, report.result.plan.experts(LayerId(layer))));
    layers.push_back(CertifyLayer(*request.topology, load, request.rule(), &report.splits.back()));
  }
  report.certificate = SumOfLayers(std::move(layers));
  return report;
}

json CertificateJson(const Certificate& certificate) {
  json layers = json::array();
  for (const LayerCertificate& layer : certificate.per_layer) {
    layers.push_back({{"value", OrNull(layer.value)},
                      {"lower_bound", layer.lower_bound},
                      {"gap", OrNull(layer.gap)},
                      {"bound", layer.bound},
                      {"proof", ProofJson(layer.proof)},
                      {"split_bound", OrNull(layer.split_bound)},
                      {"split_proof", layer.split_proof ? ProofJson(*layer.split_proof) : json()}});
  }
  return {{"total",
           {{"value", OrNull(certificate.value)},
            {"lower_bound", certificate.lower_bound},
            {"gap", OrNull(certificate.gap)}}},
          {"per_layer", std::move(layers)}};
}

json SolveJson(const SolveRequest& request, const SolveReport& report) {
  json out = {{"planner", report.planner},
              {"policy", report.result.policy},
              {"router", request.router},
              {"seed", report.seed},
              {"reproducible", report.result.reproducible},
              {"solve_ms", report.solve_ms},
              {"certificate", CertificateJson(report.certificate)}};
  AddPlacement(request, report.result, out);
  json shares = json::array();
  json imbalance = json::array();
  json values = json::array();
  for (int layer = 0; layer < request.shape.num_layers; ++layer) {
    const LayerSplit& split = report.splits[layer];
    shares.push_back(split.share(request.rule()));
    imbalance.push_back(Imbalance(request, report, layer));
    values.push_back({{"even", split.equal_value}, {"exact", split.best_value}});
  }
  out["shares"] = std::move(shares);
  out["imbalance"] = std::move(imbalance);
  out["values"] = std::move(values);
  out["wasted_slots"] = CountWastedSlots(*request.topology, report.result.plan);
  if (!report.result.fallback.empty()) out["fallback"] = report.result.fallback;
  return out;
}

void PrintSolveTable(const SolveRequest& request, const SolveReport& report, std::ostream& out) {
  const Topology& topology = *request.topology;
  out << absl::StrCat("PLANNER  ", report.planner, " (", report.result.policy, "), router ",
                      request.router, ", ", Fixed(report.solve_ms, 2), " ms\n");
  out << absl::StrCat("SHAPE    ", request.shape.num_layers, " layers x ",
                      request.shape.num_experts, " experts in ", topology.num_slots(), " slots on ",
                      topology.num_ranks(), " ranks in ", topology.num_rows(), " rows\n")
      << FallbackLine(report.result);
  const std::vector<int> wasted = CountWastedSlots(topology, report.result.plan);
  TextTable table({">LAYER", ">MAX/MEAN", ">MAX LOAD", ">BEST SPLIT", ">LOWER BOUND", ">GAP",
                   "BOUND", ">WASTED"});
  double mean_sum = 0;
  double best_sum = 0;
  int wasted_sum = 0;
  for (int layer = 0; layer < request.shape.num_layers; ++layer) {
    const LayerCertificate& proof = report.certificate.per_layer[layer];
    table.AddLine({absl::StrCat(layer), Fixed(Imbalance(request, report, layer), 3),
                   Brief(*proof.value), Brief(report.splits[layer].best_value),
                   Brief(proof.lower_bound), Percent(*proof.gap), proof.bound,
                   absl::StrCat(wasted[layer])});
    mean_sum += MeanLoad(request, layer);
    best_sum += report.splits[layer].best_value;
    wasted_sum += wasted[layer];
  }
  const Certificate& total = report.certificate;
  table.AddLine({"total", Fixed(mean_sum > 0 ? *total.value / mean_sum : 1.0, 3),
                 Brief(*total.value), Brief(best_sum), Brief(total.lower_bound),
                 Percent(*total.gap), "", absl::StrCat(wasted_sum)});
  table.Print(out);
}

void PrintBoundTable(const Certificate& certificate, std::ostream& out) {
  TextTable table({">LAYER", ">LOWER BOUND", "BOUND", ">LOAD", ">CAPACITY"});
  for (std::size_t layer = 0; layer < certificate.per_layer.size(); ++layer) {
    const LayerCertificate& proof = certificate.per_layer[layer];
    table.AddLine({absl::StrCat(layer), Brief(proof.lower_bound), proof.bound,
                   Brief(proof.proof.load), Brief(proof.proof.capacity)});
  }
  table.AddLine({"total", Brief(certificate.lower_bound), "", "", ""});
  table.Print(out);
}

}  // namespace ballast::ctl
