#ifndef BALLAST_TESTS_ROUTING_COUNTING_NEW_H_
#define BALLAST_TESTS_ROUTING_COUNTING_NEW_H_

namespace ballast {

// Calls of operator new so far, by all threads. A binary that links counting_new.cc has
// its operator new replaced.
long NumAllocations();

}  // namespace ballast

#endif  // BALLAST_TESTS_ROUTING_COUNTING_NEW_H_
