#ifndef BALLAST_TESTS_BASE_TEMP_FOLDER_H_
#define BALLAST_TESTS_BASE_TEMP_FOLDER_H_

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "core/base/check.h"

namespace ballast {

// A folder under TMPDIR (or /tmp) that nobody else has; removed with all that is in it, unless
// the environment variable BALLAST_TEST_KEEP_FILES is set, which prints its path instead.
class TempFolder {
 public:
  explicit TempFolder(const std::string& name = "test") {
    const char* base = std::getenv("TMPDIR");
    path_ = std::string(base == nullptr ? "/tmp" : base) + "/ballast_" + name + "_XXXXXX";
    BALLAST_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~TempFolder() {
    if (std::getenv("BALLAST_TEST_KEEP_FILES") != nullptr) {
      std::fprintf(stderr, "kept: %s\n", path_.c_str());
      return;
    }
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_BASE_TEMP_FOLDER_H_
