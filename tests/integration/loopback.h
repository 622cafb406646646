#ifndef BALLAST_TESTS_INTEGRATION_LOOPBACK_H_
#define BALLAST_TESTS_INTEGRATION_LOOPBACK_H_

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>

namespace ballast {

// 127.0.0.1:`port`; 0 leaves the port to the system.
inline sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace ballast

#endif  // BALLAST_TESTS_INTEGRATION_LOOPBACK_H_
