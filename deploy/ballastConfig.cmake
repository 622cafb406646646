# find_package(ballast [COMPONENTS routing worker]): ballast::routing needs the standard library
# alone; ballast::worker needs gRPC, Protobuf, Abseil and OpenSSL, which are looked for here.
# Without COMPONENTS: both.
include(CMakeFindDependencyMacro)
if(NOT ballast_FIND_COMPONENTS)
  set(ballast_FIND_COMPONENTS routing worker)
  set(ballast_FIND_REQUIRED_routing TRUE)
  set(ballast_FIND_REQUIRED_worker TRUE)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/ballast_routing.cmake)
set(ballast_routing_FOUND TRUE)
if("worker" IN_LIST ballast_FIND_COMPONENTS AND
    EXISTS ${CMAKE_CURRENT_LIST_DIR}/ballast_worker.cmake)
  find_dependency(Threads)
  find_dependency(OpenSSL)
  # Debian ships no protobuf-config.cmake.
  find_dependency(Protobuf MODULE)
  find_dependency(absl CONFIG)
  find_dependency(gRPC CONFIG)
  include(${CMAKE_CURRENT_LIST_DIR}/ballast_worker.cmake)
  set(ballast_worker_FOUND TRUE)
endif()
foreach(component IN LISTS ballast_FIND_COMPONENTS)
  if(ballast_FIND_REQUIRED_${component} AND NOT ballast_${component}_FOUND)
    set(ballast_FOUND FALSE)
    set(ballast_NOT_FOUND_MESSAGE "ballast: the component ${component} is not installed")
  endif()
endforeach()
