#ifndef BALLAST_DAEMON_ADMIN_HEALTH_SERVICE_H_
#define BALLAST_DAEMON_ADMIN_HEALTH_SERVICE_H_

#include <string>

namespace ballast {

namespace v1 {
class DaemonHealth;
}  // namespace v1

// Fills in what the file system says of the store whose SQLite file is `path`; empty: a
// store in memory. A file that can not be looked at counts as empty. Thread-safe.
void FillStoreSpace(const std::string& path, v1::DaemonHealth* health);

}  // namespace ballast

#endif  // BALLAST_DAEMON_ADMIN_HEALTH_SERVICE_H_
