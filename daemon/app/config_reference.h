#ifndef BALLAST_DAEMON_APP_CONFIG_REFERENCE_H_
#define BALLAST_DAEMON_APP_CONFIG_REFERENCE_H_

#include <string>

namespace ballast {

// docs/configuration.md, whole: every key with type, default, range, meaning.
std::string ConfigReference();

// deploy/ballastd.yaml, whole: a configuration that names every key, each explained.
std::string ConfigExample();

}  // namespace ballast

#endif  // BALLAST_DAEMON_APP_CONFIG_REFERENCE_H_
