#include "daemon/observe/version.h"

namespace ballast {

const char* Version() { return BALLAST_VERSION; }
const char* Revision() { return BALLAST_REVISION; }

const char* Compiler() {
#if defined(__clang__)
  return "clang-" __clang_version__;
#else
  return "gcc-" __VERSION__;
#endif
}

}  // namespace ballast
