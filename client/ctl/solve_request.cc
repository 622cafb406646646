#include "client/ctl/solve_request.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/ctl/json_reader.h"
#include "client/ctl/nearest_name.h"

namespace ballast::ctl {
namespace {

using nlohmann::json;

const std::vector<std::string> kRequiredKeys = {"weight", "num_replicas", "num_gpus", "num_nodes",
                                                "num_groups"};

// Keys that eplb can not honour, and why.
const std::map<std::string, std::string> kRefusedByEplb = {
    {"slots_per_rank", "eplb gives every rank as many slots (num_replicas)"},
    {"scenarios", "eplb plans for `weight` alone"},
    {"ring_order", "eplb has no ring"},
    {"locality", "eplb has no ring"},
    {"current", "eplb solves from scratch"},
    {"max_slot_changes", "eplb solves from scratch"},
    {"speed", "eplb takes all ranks as equally fast"},
    {"shared_experts", "eplb knows no shared experts"},
    {"min_rows_per_expert", "eplb knows no constraints on rows"},
    {"max_rows_per_group", "eplb knows no constraints on rows"},
    {"forbidden", "eplb knows no forbidden places"},
    {"pinned", "eplb knows no pinned places"},
};

// Keys of the answer and of the stored vectors, so that each of them is valid input.
const std::vector<std::string> kIgnoredKeys = {"planner",
                                               "policy",
                                               "seed",
                                               "reproducible",
                                               "solve_ms",
                                               "phy2log",
                                               "log2phy",
                                               "logcnt",
                                               "shares",
                                               "imbalance",
                                               "values",
                                               "wasted_slots",
                                               "moved_slots",
                                               "certificate",
                                               "fallback",
                                               "name",
                                               "ties",
                                               "generator",
                                               "replica_order_ties",
                                               "stable_sort_same",
                                               "stable_sort_same_phy2log",
                                               "ref_stable_f32_equals_stable",
                                               "ref_stdsort_f32_equals_actual",
                                               "ref_stable_f64_equals_stable",
                                               "f64_logcnt_equals",
                                               "gpu_max_over_mean",
                                               "gpu_max_over_mean_stable",
                                               "phy2log_stable",
                                               "log2phy_stable",
                                               "logcnt_stable"};

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "a string" and the like, for messages.
std::string KindOf(const json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "a boolean";
  if (value.is_string()) return "a string";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return "a number";
}

// The value as it would stand in the input, cut to a readable length.
std::string Show(const json& value) {
  constexpr std::size_t kLongest = 40;
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

CtlError Refuse(std::string message, std::optional<json> value = std::nullopt) {
  CtlError error;
  error.code = "INVALID_ARGUMENT";
  error.message = std::move(message);
  error.value = std::move(value);
  return error;
}

std::optional<CtlError> CheckKeys(const json& document, const std::string& planner) {
  std::vector<std::string> known = kRequiredKeys;
  known.push_back("router");
  for (const auto& [key, reason] : kRefusedByEplb) known.push_back(key);
  for (const auto& [key, value] : document.items()) {
    if (Contains(known, key) || Contains(kIgnoredKeys, key)) continue;
    return Refuse(
        absl::StrCat("unknown key \"", key, "\"; did you mean \"", NearestName(key, known), "\"?"),
        key);
  }
  if (planner != "eplb") return std::nullopt;
  for (const auto& [key, value] : document.items()) {
    const auto refused = kRefusedByEplb.find(key);
    if (refused == kRefusedByEplb.end()) continue;
    return Refuse(absl::StrCat("key \"", key, "\" belongs to other planners: ", refused->second),
                  key);
  }
  return std::nullopt;
}

// One weight. `fault` gets the reason if there is one.
bool ReadWeight(const json& value, double* weight, std::string* fault) {
  if (!value.is_number()) {
    *fault =
        value.is_null() ? "is not a number" : absl::StrCat("is ", KindOf(value), ", not a number");
    return false;
  }
  *weight = value.get<double>();
  if (*weight < 0) *fault = "is negative";
  if (*weight > static_cast<double>(std::numeric_limits<float>::max())) {
    *fault = "is above the largest float32";
  }
  return fault->empty();
}

std::optional<CtlError> ReadLayer(const json& row, int layer, LoadMatrix& load) {
  for (int expert = 0; expert < load.num_experts(); ++expert) {
    double weight = 0;
    std::string fault;
    if (ReadWeight(row[expert], &weight, &fault)) {
      load.Set(LayerId(layer), ExpertId(expert), weight);
      continue;
    }
    CtlError error = Refuse(absl::StrCat("layer ", layer, ", expert ", expert, ": weight ",
                                         Show(row[expert]), " ", fault),
                            row[expert]);
    error.layer = layer;
    error.expert = expert;
    return error;
  }
  return std::nullopt;
}

std::optional<CtlError> CheckLayerShape(const json& row, int layer, std::size_t num_experts) {
  std::string fault;
  if (!row.is_array()) {
    fault = absl::StrCat("weight is ", KindOf(row),
                         ", not a list of experts; weight is [layers][experts]");
  } else if (row.empty()) {
    fault = "weight has no experts";
  } else if (row.size() != num_experts) {
    fault = absl::StrCat("weight has ", row.size(), " experts, layer 0 has ", num_experts);
  } else {
    return std::nullopt;
  }
  CtlError error = Refuse(absl::StrCat("layer ", layer, ": ", fault));
  error.layer = layer;
  if (!row.is_array()) error.value = row;
  return error;
}

std::optional<CtlError> ReadLoad(const json& weight, LoadMatrix* load) {
  if (!weight.is_array()) {
    return Refuse(absl::StrCat("weight is ", KindOf(weight), ", not a list of layers"),
                  weight.is_structured() ? std::nullopt : std::optional<json>(weight));
  }
  if (weight.empty() || weight.size() > kMaxLayers) {
    return Refuse(absl::StrCat("weight has ", weight.size(), " layers, not 1 to ", kMaxLayers));
  }
  const std::size_t num_experts = weight[0].is_array() ? weight[0].size() : 0;
  if (num_experts > kMaxExperts) {
    return Refuse(
        absl::StrCat("weight has ", num_experts, " experts in a layer, not 1 to ", kMaxExperts));
  }
  *load = LoadMatrix(static_cast<int>(weight.size()), static_cast<int>(num_experts));
  for (int layer = 0; layer < load->num_layers(); ++layer) {
    if (auto error = CheckLayerShape(weight[layer], layer, num_experts)) return error;
    if (auto error = ReadLayer(weight[layer], layer, *load)) return error;
  }
  return std::nullopt;
}

std::optional<CtlError> ReadCount(const json& document, const std::string& key, int largest,
                                  int* count) {
  const json& value = document.at(key);
  if (!value.is_number_integer()) {
    return Refuse(absl::StrCat(key, " ", Show(value), " is ",
                               value.is_number() ? "no integer" : KindOf(value) + ", no integer"),
                  value);
  }
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(largest) &&
                              value.get<std::uint64_t>() >= 1
                        : false;
  if (!fits) {
    return Refuse(absl::StrCat(key, " ", Show(value), " is not in [1, ", largest, "]"), value);
  }
  *count = value.get<int>();
  return std::nullopt;
}

std::optional<CtlError> ReadFleet(const json& document, SolveRequest* request) {
  int slots = 0;
  int ranks = 0;
  int rows = 0;
  if (auto error = ReadCount(document, "num_replicas", kMaxSlots, &slots)) return error;
  if (auto error = ReadCount(document, "num_gpus", kMaxRanks, &ranks)) return error;
  if (auto error = ReadCount(document, "num_nodes", kMaxRanks, &rows)) return error;
  if (auto error =
          ReadCount(document, "num_groups", kMaxExperts, &request->shape.num_expert_groups)) {
    return error;
  }
  if (slots % ranks != 0) {
    return Refuse(absl::StrCat("num_replicas ", slots, " is no multiple of num_gpus ", ranks),
                  slots);
  }
  if (ranks % rows != 0) {
    return Refuse(absl::StrCat("num_gpus ", ranks, " is no multiple of num_nodes ", rows), ranks);
  }
  if (slots < request->shape.num_experts) {
    CtlError error = Refuse(absl::StrCat("num_replicas ", slots, " is below the number of experts ",
                                         request->shape.num_experts),
                            slots);
    error.code = "FAILED_PRECONDITION";
    return error;
  }
  absl::StatusOr<Topology> topology = Topology::Uniform(ranks, ranks / rows, slots / ranks);
  if (!topology.ok()) return RefusalOf(topology.status());
  request->topology = *std::move(topology);
  return std::nullopt;
}

std::optional<CtlError> ReadRouter(const json& document, const std::string& planner,
                                   SolveRequest* request) {
  request->router = planner == "eplb" ? "even" : "exact";
  if (!document.contains("router")) return std::nullopt;
  const json& router = document["router"];
  if (router.is_string() && Contains(RouterNames(), router.get<std::string>())) {
    request->router = router.get<std::string>();
    return std::nullopt;
  }
  return Refuse(absl::StrCat("router ", Show(router),
                             " is unknown; there are: ", absl::StrJoin(RouterNames(), ", ")),
                router);
}

}  // namespace

const std::vector<std::string>& RouterNames() {
  static const auto* const kNames = new std::vector<std::string>{"even", "local", "row", "exact"};
  return *kNames;
}

std::optional<CtlError> ReadSolveRequest(const std::string& text, const std::string& planner,
                                         SolveRequest* request) {
  json document;
  if (auto error = ReadJson(text, &document)) return error;
  if (!document.is_object()) {
    return Refuse(absl::StrCat("input is ", KindOf(document), ", not an object"));
  }
  if (auto error = CheckKeys(document, planner)) return error;
  for (const std::string& key : kRequiredKeys) {
    if (!document.contains(key)) return Refuse(absl::StrCat("key \"", key, "\" is missing"));
  }
  if (auto error = ReadLoad(document["weight"], &request->load)) return error;
  request->shape.num_layers = request->load.num_layers();
  request->shape.num_experts = request->load.num_experts();
  if (auto error = ReadFleet(document, request)) return error;
  return ReadRouter(document, planner, request);
}

}  // namespace ballast::ctl
