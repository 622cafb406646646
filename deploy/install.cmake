# What `cmake --install build/release --prefix PREFIX` puts in place beside the programs: unit,
# configuration, alert rules, documents. Included by the topmost CMakeLists.txt.
include(GNUInstallDirs)

install(TARGETS ballastd ballastctl ballast_fleet ballast_trace_tool
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# The package that engines find: ballast::worker with what it is made of, and ballast::routing,
# which needs nothing else; that one's files are installed by core/routing.
set(ballast_package ${CMAKE_INSTALL_LIBDIR}/cmake/ballast)
foreach(name proto grpc)
  set_property(TARGET ballast_${name} PROPERTY EXPORT_NAME ${name})
endforeach()
install(TARGETS ballast_worker ballast_wire ballast_grpc ballast_proto ballast_rollout ballast_load
  ballast_model ballast_base EXPORT ballast_worker
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ballast)
install(FILES client/worker/worker_session.h client/worker/weight_loader.h
  client/worker/move_list.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ballast/client/worker)
install(DIRECTORY core/base core/model core/load core/rollout
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ballast/core FILES_MATCHING PATTERN "*.h")
install(EXPORT ballast_worker NAMESPACE ballast:: DESTINATION ${ballast_package})
install(EXPORT ballast_routing NAMESPACE ballast:: DESTINATION ${ballast_package}
  COMPONENT routing)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ballastConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES deploy/ballastConfig.cmake ${PROJECT_BINARY_DIR}/ballastConfigVersion.cmake
  DESTINATION ${ballast_package} COMPONENT routing)

install(FILES deploy/prometheus/rules.yml DESTINATION share/ballast/prometheus)
install(FILES deploy/ballastd.yaml DESTINATION share/ballast)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION share/doc/ballast)
install(DIRECTORY docs/ DESTINATION share/doc/ballast FILES_MATCHING PATTERN "*.md")

# The prefix is known only when this runs: `--prefix` may name another than at configure time.
install(CODE "set(source \"${PROJECT_SOURCE_DIR}/deploy\")
set(scratch \"${PROJECT_BINARY_DIR}/install\")
set(bin \"${CMAKE_INSTALL_BINDIR}\")")
install(CODE [[
  set(etc "${CMAKE_INSTALL_PREFIX}/etc")
  if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(etc "/etc")
  endif()
  file(READ "${source}/ballastd.service" unit)
  string(REPLACE "/usr/bin/" "${CMAKE_INSTALL_PREFIX}/${bin}/" unit "${unit}")
  string(REPLACE "/etc/ballastd/" "${etc}/ballastd/" unit "${unit}")
  string(REPLACE "/usr/share/" "${CMAKE_INSTALL_PREFIX}/share/" unit "${unit}")
  file(WRITE "${scratch}/ballastd.service" "${unit}")
  # Two files of one moment would count as the same.
  file(REMOVE "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib/systemd/system/ballastd.service")
  file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system" TYPE FILE
    FILES "${scratch}/ballastd.service")
  # An upgrade leaves what the operator wrote.
  if(EXISTS "$ENV{DESTDIR}${etc}/ballastd/ballastd.yaml")
    message(STATUS "Kept: $ENV{DESTDIR}${etc}/ballastd/ballastd.yaml")
  else()
    file(INSTALL DESTINATION "${etc}/ballastd" TYPE FILE FILES "${source}/ballastd.yaml")
  endif()
]])
