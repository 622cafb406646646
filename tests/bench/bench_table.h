#ifndef BALLAST_TESTS_BENCH_BENCH_TABLE_H_
#define BALLAST_TESTS_BENCH_BENCH_TABLE_H_

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

namespace ballast {

// Keeps the compiler from dropping the work that gave `value`.
template <typename T>
inline void KeepResult(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

// Least wall time of one call of `run` over `repetitions` calls, in seconds. The
// least, because whatever else the machine does can only add to it.
template <typename Run>
double MinSeconds(int repetitions, Run&& run) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < repetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::min(best, seconds.count());
  }
  return best;
}

// What a value stands beside; 0 where there is no such thing.
struct BenchReference {
  double floor = 0;   // Measured in the same run, in the unit of the value.
  double target = 0;  // Not to be exceeded, in the unit of the value.
};

// Prints one line per measurement. The ratio is to the floor of the same run, where there
// is one, and stays comparable between machines where the value does not; else to the
// target.
//
//   int main(int argc, char** argv) {
//     ballast::BenchTable table(argc, argv);
//     table.Add("pick/zipf-0.8", ns_per_pick, "ns/pick", gather_ns);
//     table.Add("push/p50", ms, "ms", {.target = 15});
//   }
class BenchTable {
 public:
  // Options: `-o json` prints one JSON object a line instead of a table. Anything
  // else prints the usage and exits with status 2.
  BenchTable(int argc, char** argv)
      : BenchTable(argc == 3 && std::strcmp(argv[1], "-o") == 0 &&
                   std::strcmp(argv[2], "json") == 0) {
    if (argc != 1 && !json_) {
      std::fprintf(stderr, "usage: %s [-o json]\n", argv[0]);
      std::exit(2);
    }
  }

  // For programs with options of their own.
  explicit BenchTable(bool json) : json_(json) {}

  // `value` and `floor` are in `unit`; `floor` > 0. Names and units hold no character
  // that JSON escapes.
  void Add(const std::string& name, double value, const std::string& unit, double floor) {
    Add(name, value, unit, BenchReference{floor, 0});
  }

  void Add(const std::string& name, double value, const std::string& unit,
           const BenchReference& reference) {
    const double base = reference.floor > 0 ? reference.floor : reference.target;
    if (json_) {
      std::printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"", name.c_str(), value,
                  unit.c_str());
      if (reference.floor > 0) std::printf(", \"floor\": %.6g", reference.floor);
      if (reference.target > 0) std::printf(", \"target\": %.6g", reference.target);
      if (base > 0) std::printf(", \"ratio\": %.4g", value / base);
      std::printf("}\n");
    } else {
      if (!headed_) {
        std::printf("%-44s %10s %-8s %10s %10s %7s\n", "name", "value", "unit", "floor", "target",
                    "ratio");
      }
      headed_ = true;
      const bool missed = reference.target > 0 && value > reference.target;
      std::printf("%-44s %10.4g %-8s %10s %10s %7s%s\n", name.c_str(), value, unit.c_str(),
                  Cell(reference.floor, "%.4g").c_str(), Cell(reference.target, "%.4g").c_str(),
                  Cell(base > 0 ? value / base : 0, "%.2f").c_str(), missed ? "  MISSED" : "");
    }
    std::fflush(stdout);
  }

 private:
  static std::string Cell(double value, const char* format) {
    if (value <= 0) return "-";
    char text[32];
    std::snprintf(text, sizeof(text), format, value);
    return text;
  }

  const bool json_;
  bool headed_ = false;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_BENCH_BENCH_TABLE_H_
