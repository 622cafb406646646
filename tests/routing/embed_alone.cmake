# Compiles the routing library and a program that uses it from copies of core/routing and
# core/base/ids.h, with the compiler alone, and runs it: what a worker has to embed.
# cmake -DSOURCE_DIR=... -DWORK_DIR=... -DCOMPILER=... -P embed_alone.cmake
file(REMOVE_RECURSE ${WORK_DIR})
file(GLOB headers ${SOURCE_DIR}/core/routing/*.h)
file(GLOB sources ${SOURCE_DIR}/core/routing/*.cc)
file(COPY ${headers} ${sources} DESTINATION ${WORK_DIR}/core/routing)
file(COPY ${SOURCE_DIR}/core/base/ids.h DESTINATION ${WORK_DIR}/core/base)
file(COPY ${SOURCE_DIR}/tests/routing/embedding_program.cc DESTINATION ${WORK_DIR})

# Abseil and gRPC may lie in the system's include path, so that their absence proves nothing.
file(GLOB copies ${WORK_DIR}/core/routing/*)
foreach(copy IN LISTS copies)
  file(STRINGS ${copy} foreign REGEX "#include [<\"](absl|grpc|google|spdlog)")
  if(foreign)
    message(FATAL_ERROR "${copy}: ${foreign}")
  endif()
endforeach()

file(GLOB copied_sources ${WORK_DIR}/core/routing/*.cc)
execute_process(
  COMMAND ${COMPILER} -std=c++20 -O0 -pthread -I${WORK_DIR} ${WORK_DIR}/embedding_program.cc
          ${copied_sources} -o ${WORK_DIR}/embedding_program
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK_DIR}/embedding_program COMMAND_ERROR_IS_FATAL ANY)
