# Configures tests/lint/layers with good and bad arrows: a bad one must stop CMake.
# cmake -DTARGETS=core/ballast_targets.cmake -DWORK=folder -P check_layers.cmake
function(configure layer deps)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/layers -B ${WORK}/${layer}_${deps}
      -G Ninja --fresh -DBALLAST_TARGETS=${TARGETS} -DABOVE_LAYER=${layer} -DABOVE_DEPS=${deps}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error)
  set(result ${result} PARENT_SCOPE)
  string(REGEX REPLACE "[ \n]+" " " error "${error}")
  set(error "${error}" PARENT_SCOPE)
endfunction()

function(expect_refused layer deps message)
  configure(${layer} ${deps})
  if(result EQUAL 0)
    message(FATAL_ERROR "layer ${layer} may use ${deps}, it must not")
  endif()
  if(NOT error MATCHES "${message}")
    message(FATAL_ERROR "layer ${layer} on ${deps}: expected \"${message}\", got: ${error}")
  endif()
endfunction()

configure(3 beside)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "layer 3 must be able to use layer 2: ${error}")
endif()
expect_refused(2 beside "above \\(layer 2\\) must not use beside \\(layer 2\\)")
expect_refused(1 beside "above \\(layer 1\\) must not use beside \\(layer 2\\)")
expect_refused(3 nobody "above \\(layer 3\\) uses nobody, which is no library of ours")
