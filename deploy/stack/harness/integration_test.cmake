# activity_integration_test(<name> [TIMEOUT <seconds>] [ALONE]): <name>.cpp with servers of its own, label `integration`.
# Most wait for faults and servers most of the time, so ctest counts one processor for each. ALONE is for those that
# load the machine or look at how long something takes: two processors' worth, so that `ctest -j2` runs nothing beside.
function(activity_integration_test name)
  cmake_parse_arguments(ARG "ALONE" "TIMEOUT" "" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set(processors 1)
  if(ARG_ALONE)
    set(processors 2)
  endif()
  # A sanitizer's build is several times slower.
  if(ACTIVITY_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 3")
  endif()
  add_executable(${name} ${name}.cpp)
  target_link_libraries(${name} PRIVATE activity_harness activity_compile_options)
  target_compile_definitions(${name} PRIVATE ACTIVITY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_dependencies(${name} activity-ingest activity-worker activityctl)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS integration TIMEOUT ${ARG_TIMEOUT} PROCESSORS ${processors})
endfunction()
