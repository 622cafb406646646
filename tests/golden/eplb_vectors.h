#ifndef BALLAST_TESTS_GOLDEN_EPLB_VECTORS_H_
#define BALLAST_TESTS_GOLDEN_EPLB_VECTORS_H_

#include <zstd.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace ballast {

// The stored vectors of the published EPLB: see tests/data/eplb/NOTICE. Throws if
// the file is missing or broken, which fails the test.
inline std::vector<std::string> ReadEplbVectors() {
  std::ifstream file(BALLAST_TEST_DATA "/eplb/vectors.jsonl.zst", std::ios::binary);
  const std::string packed((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    throw std::runtime_error("vectors.jsonl.zst is no zstd frame of known size");
  }
  std::string text(size, '\0');
  const std::size_t got = ZSTD_decompress(text.data(), size, packed.data(), packed.size());
  if (ZSTD_isError(got) || got != size) throw std::runtime_error("vectors.jsonl.zst is broken");
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace ballast

#endif  // BALLAST_TESTS_GOLDEN_EPLB_VECTORS_H_
