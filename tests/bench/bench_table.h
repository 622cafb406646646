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

// Prints one line per measurement, each beside a floor measured in the same run:
// the ratio stays comparable between machines where the value does not.
//
//   int main(int argc, char** argv) {
//     ballast::BenchTable table(argc, argv);
//     table.Add("pick/zipf-0.8", ns_per_pick, "ns/pick", gather_ns);
//   }
class BenchTable {
 public:
  // Options: `-o json` prints one JSON object a line instead of a table. Anything
  // else prints the usage and exits with status 2.
  BenchTable(int argc, char** argv) {
    json_ = argc == 3 && std::strcmp(argv[1], "-o") == 0 && std::strcmp(argv[2], "json") == 0;
    if (argc != 1 && !json_) {
      std::fprintf(stderr, "usage: %s [-o json]\n", argv[0]);
      std::exit(2);
    }
    if (!json_) {
      std::printf("%-56s %12s %-10s %12s %8s\n", "name", "value", "unit", "floor", "ratio");
    }
  }

  // `value` and `floor` are in `unit`; `floor` > 0. Names and units hold no character
  // that JSON escapes.
  void Add(const std::string& name, double value, const std::string& unit, double floor) {
    const char* format =
        json_ ? "{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"floor\": %.6g, "
                "\"ratio\": %.4g}\n"
              : "%-56s %12.4g %-10s %12.4g %8.2f\n";
    std::printf(format, name.c_str(), value, unit.c_str(), floor, value / floor);
    std::fflush(stdout);
  }

 private:
  bool json_ = false;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_BENCH_BENCH_TABLE_H_
