#ifndef BALLAST_DAEMON_OBSERVE_VERSION_H_
#define BALLAST_DAEMON_OBSERVE_VERSION_H_

namespace ballast {

const char* Version();   // "0.1.0"
const char* Revision();  // Commit at configure time, or "unknown".
const char* Compiler();  // "gcc-12.2.0"

}  // namespace ballast

#endif  // BALLAST_DAEMON_OBSERVE_VERSION_H_
