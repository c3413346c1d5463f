# What a target of Troupe is made with; the manners that all share are said here once.
#
#   troupe_library(NAME SOURCES ... [PUBLIC libs...] [PRIVATE libs...] [PRECOMPILE headers...])
#       the static library of a room, Troupe::NAME, installed and exported with the others
#   troupe_test(NAME SOURCES ... [LIBS ...] [LABEL unit|sim|integration|package|chaos|soak] [TIMEOUT seconds])
#       a GoogleTest program; each of its tests is one of ctest's
#   troupe_fuzzer(NAME SOURCES ... [LIBS ...] [CORPUS directory])
#       a program around LLVMFuzzerTestOneInput: a libFuzzer target in the fuzz preset, elsewhere a test that replays
#       the kept corpus (default: corpus/NAME beside the CMakeLists.txt)

option(TROUPE_PRECOMPILE "Precompile heavy headers" ${PROJECT_IS_TOP_LEVEL})

function(troupe_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE;PRECOMPILE")
  set(target troupe_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(Troupe::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                              $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>
                                              $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/troupe>)
  target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} $<BUILD_INTERFACE:troupe_warnings>)
  if(arg_PRECOMPILE AND TROUPE_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${arg_PRECOMPILE})
  endif()
  set_property(GLOBAL APPEND PROPERTY TROUPE_LIBRARIES ${target})
endfunction()

# GoogleMock costs every test more than most tests cost themselves: it is compiled once.
function(troupe_test_precompile target)
  if(NOT TROUPE_PRECOMPILE)
    return()
  endif()
  if(NOT TARGET troupe_test_headers)
    file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/test_headers.cpp CONTENT "")
    add_library(troupe_test_headers OBJECT ${PROJECT_BINARY_DIR}/test_headers.cpp)
    target_compile_features(troupe_test_headers PRIVATE cxx_std_20)
    target_link_libraries(troupe_test_headers PRIVATE GTest::gtest GTest::gmock Threads::Threads troupe_warnings)
    target_precompile_headers(troupe_test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM troupe_test_headers)
endfunction()

function(troupe_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;TIMEOUT" "SOURCES;LIBS")
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_compile_features(${name} PRIVATE cxx_std_20)
  target_link_libraries(${name} PRIVATE ${arg_LIBS} GTest::gtest GTest::gmock GTest::gtest_main Threads::Threads
                                        troupe_warnings)
  troupe_test_precompile(${name})
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT})
endfunction()

function(troupe_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS" "SOURCES;LIBS")
  if(NOT arg_CORPUS)
    set(arg_CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_compile_features(${name} PRIVATE cxx_std_20)
  target_link_libraries(${name} PRIVATE ${arg_LIBS} troupe_warnings)
  if(NOT TROUPE_BUILD_FUZZERS)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/replay_corpus.cpp)
    add_test(NAME ${name}.replay COMMAND ${name} ${arg_CORPUS})
    set_tests_properties(${name}.replay PROPERTIES LABELS unit TIMEOUT 120)
    return()
  endif()
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  if(NOT TARGET troupe_fuzzers)
    add_custom_target(troupe_fuzzers)
  endif()
  add_dependencies(troupe_fuzzers ${name})
  set(found ${CMAKE_CURRENT_BINARY_DIR}/${name}.found)
  file(MAKE_DIRECTORY ${found})
  add_test(NAME ${name}.replay COMMAND ${name} -runs=0 ${arg_CORPUS})
  # New inputs go to the build directory; the kept corpus is only read. A crash leaves its input there too.
  add_test(NAME ${name}.explore
           COMMAND ${name} -max_total_time=${TROUPE_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=4096 -print_final_stats=1
                   -artifact_prefix=${found}/ ${found} ${arg_CORPUS})
  math(EXPR patience "${TROUPE_FUZZ_SECONDS} + 120")
  set_tests_properties(${name}.replay ${name}.explore PROPERTIES LABELS fuzz TIMEOUT ${patience})
endfunction()
