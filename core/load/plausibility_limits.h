#ifndef BALLAST_CORE_LOAD_PLAUSIBILITY_LIMITS_H_
#define BALLAST_CORE_LOAD_PLAUSIBILITY_LIMITS_H_

#include <cstdint>

namespace ballast {

// What can not be true of a report although it is well formed. Engines have counted their
// own experts only, the whole group's load once per rank, padding, or steps that never were;
// each would make a plan for a load that nobody has. All limits are chosen wide: a hot
// expert is 3 to 13 times the mean of one layer, and far less over all layers of a rank.
struct PlausibilityLimits {
  // Picks received per step by one rank, over the median of the others, both averaged with
  // a half-life of so many steps: one prefill may well be 64 times a decode step. At two
  // reports in a row, see RateCheck.
  static constexpr double kFarAbove = 16;
  static constexpr double kHalfLifeSteps = 100;
  // The same for picks sent, which are what a rank's own requests make: one that does nothing
  // but prefill, 8192 tokens a step, beside ranks that decode 8.
  static constexpr double kFarAboveSent = 1024;
  // Ranks that must have reported before one is compared with them.
  static constexpr int kMinOthers = 3;
  // Picks of a report below which nothing is concluded from their distribution.
  static constexpr std::uint64_t kMinPicks = 1000;
  // Picks per step, averaged, below which the median rank is idle: an average that decays never
  // is 0, since the smallest doubles round to themselves. A token makes hundreds.
  static constexpr double kIdle = kMinPicks / kHalfLifeSteps;
  // Largest over smallest sum of a layer: each token makes top-k picks in every layer. Dropped
  // tokens are fewer than this; a layer counted twice is 2. Layers without a pick were not
  // measured.
  static constexpr double kLayerSpread = 1.5;
  // Steps of a rank: 10,000 for each second since its last report, and a million on top, which
  // those that it does not use fill again.
  static constexpr double kStepsPerSecond = 10000;
  static constexpr double kStepJump = 1000000;
  // Steps between a rank and the median rank. They step together, so what is between their
  // reports is one report period.
  static constexpr std::uint64_t kDrift = 10000;
};

}  // namespace ballast

#endif  // BALLAST_CORE_LOAD_PLAUSIBILITY_LIMITS_H_
