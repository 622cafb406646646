#ifndef BALLAST_TESTS_STORE_FAULT_VFS_H_
#define BALLAST_TESTS_STORE_FAULT_VFS_H_

#include <string>

namespace ballast {

// A SQLite VFS over the machine's own that fails on order. While an object lives it is
// the default VFS of the process, so the code under test needs no seam.
//
// Calls are counted over all files whose name ends with `suffix`.
class FaultVfs {
 public:
  enum class Operation { kWrite, kSync, kRead };

  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  // From the `nth` call on (1: the next one), `times` calls fail with `result_code`.
  void Fail(Operation operation, int nth, int result_code, int times = 1, std::string suffix = "");
  void Heal();

  // Calls that were made to fail since Fail().
  int failed() const;
};

}  // namespace ballast

#endif  // BALLAST_TESTS_STORE_FAULT_VFS_H_
