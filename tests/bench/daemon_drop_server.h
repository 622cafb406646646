#ifndef BALLAST_TESTS_BENCH_DAEMON_DROP_SERVER_H_
#define BALLAST_TESTS_BENCH_DAEMON_DROP_SERVER_H_

namespace ballast {

// The command line word with which the benchmark starts itself as the floor.
inline constexpr char kDropServerFlag[] = "--drop-reports";

// A bare gRPC server with the daemon's channel arguments that reads load reports and drops
// them: what gRPC itself costs. Prints its port to standard error and runs until killed.
int RunDropServer();

}  // namespace ballast

#endif  // BALLAST_TESTS_BENCH_DAEMON_DROP_SERVER_H_
