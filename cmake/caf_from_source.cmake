# CAF's core, compiled with the flags of this build against the installed headers. ThreadSanitizer has to see the atomics
# by which its mailboxes and reference counts hand things from thread to thread, which the installed library hides.
file(GLOB_RECURSE caf_sources ${TROUPE_CAF_SOURCE}/libcaf_core/src/*.cpp)
if(NOT caf_sources)
  message(FATAL_ERROR "TROUPE_CAF_SOURCE: no sources of CAF in ${TROUPE_CAF_SOURCE}/libcaf_core/src")
endif()
find_path(CAF_INCLUDE_DIR caf/config.hpp REQUIRED)
add_library(caf_core_instrumented SHARED ${caf_sources})
target_compile_features(caf_core_instrumented PUBLIC cxx_std_17)
# As Debian compiles it: it dereferences null where nothing is read.
target_compile_options(caf_core_instrumented PRIVATE -w -U_GLIBCXX_ASSERTIONS)
target_include_directories(caf_core_instrumented SYSTEM PUBLIC ${CAF_INCLUDE_DIR})
add_library(CAF::core ALIAS caf_core_instrumented)
