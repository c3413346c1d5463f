# Builds and runs the consumer against Troupe. MODE installed: installs BUILD_DIR to one place and moves it to another
# first, so that an absolute path left inside is noticed. MODE subdirectory: adds SOURCE_DIR to the consumer's build.

cmake_minimum_required(VERSION 3.25)

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${what} failed (${code}):\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})
set(find "-D" "TROUPE_SOURCE_DIR=${SOURCE_DIR}")
if(MODE STREQUAL "installed")
  run("install" ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/first)
  file(RENAME ${WORK_DIR}/first ${WORK_DIR}/moved)
  set(find "-D" "CMAKE_PREFIX_PATH=${WORK_DIR}/moved")
  file(GLOB_RECURSE texts ${WORK_DIR}/moved/*.cmake)
  foreach(text IN LISTS texts)
    file(READ ${text} content)
    foreach(place ${SOURCE_DIR} ${WORK_DIR})
      string(FIND "${content}" "${place}" position)
      if(NOT position EQUAL -1)
        message(FATAL_ERROR "${text} names ${place}: what is installed cannot be moved")
      endif()
    endforeach()
  endforeach()
endif()

# The same flags and the same cache as BUILD_DIR: what is compiled again as a subdirectory costs little.
set(ENV{CMAKE_CXX_COMPILER_LAUNCHER} "${LAUNCHER}")
set(flags "")
if(BUILD_TYPE STREQUAL "Debug")
  set(flags "-D" "CMAKE_CXX_FLAGS_DEBUG=${FLAGS}")
endif()
run("configuring the consumer" ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${WORK_DIR}/build -G ${GENERATOR}
    -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_BUILD_TYPE=${BUILD_TYPE} ${flags}
    -D TROUPE_WERROR=${WERROR} -D README=${SOURCE_DIR}/README.md ${find})
run("building the consumer" ${CMAKE_COMMAND} --build ${WORK_DIR}/build --target consumer -j 2)
execute_process(COMMAND ${WORK_DIR}/build/consumer RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE errors
                TIMEOUT 60)
file(READ ${WORK_DIR}/build/expected.txt expected)
string(STRIP "${output}" output)
if(NOT code EQUAL 0 OR NOT output STREQUAL expected)
  message(FATAL_ERROR "the example of README.md ended with ${code} and printed\n${output}\ninstead of\n${expected}\n${errors}")
endif()
message("the example of README.md printed ${output}")
