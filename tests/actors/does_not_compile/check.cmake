# cmake -DCOMPILER=... -DSOURCE=... -DROOT=... -DGENERATED=... -P check.cmake
# The first line of the source says which sentence the compiler has to print, or "none": then it has to compile.
file(STRINGS ${SOURCE} first LIMIT_COUNT 1)
string(REGEX REPLACE "^// expect: " "" expected "${first}")
execute_process(COMMAND ${COMPILER} -std=c++20 -fsyntax-only -I${ROOT} -I${GENERATED} ${SOURCE}
                RESULT_VARIABLE result ERROR_VARIABLE errors OUTPUT_QUIET)
if(expected STREQUAL "none")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "does not compile:\n${errors}")
  endif()
elseif(result EQUAL 0)
  message(FATAL_ERROR "compiles, but should not")
else()
  string(FIND "${errors}" "${expected}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "the compiler does not say '${expected}':\n${errors}")
  endif()
endif()
