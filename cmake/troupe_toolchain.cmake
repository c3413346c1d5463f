# How every target is compiled and linked: warnings, sanitizers, compiler cache, linker. What is set here for the whole
# build is set only when Troupe is the project being built; inside another project its choices hold.

add_library(troupe_warnings INTERFACE)
target_compile_options(troupe_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Of GCC 12's optimiser, which loses track of sizes and, in instrumented code, of lifetimes.
  target_compile_options(troupe_warnings INTERFACE -Wno-array-bounds -Wno-stringop-overflow -Wno-restrict)
  if(TROUPE_SANITIZE)
    target_compile_options(troupe_warnings INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
target_compile_options(troupe_warnings INTERFACE $<$<BOOL:${TROUPE_WERROR}>:-Werror>)

if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(TROUPE_CCACHE ccache)
  if(TROUPE_CCACHE)
    # The working directory is left out of the hash, so that a second build directory of the same tree finds its
    # objects; the sloppiness is what precompiled headers need.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1
                                    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
                                    ${TROUPE_CCACHE})
  endif()
endif()

if(NOT CMAKE_EXE_LINKER_FLAGS MATCHES "-fuse-ld=")
  include(CheckLinkerFlag)
  foreach(linker mold lld)
    check_linker_flag(CXX -fuse-ld=${linker} TROUPE_LINKS_WITH_${linker})
    if(TROUPE_LINKS_WITH_${linker})
      add_link_options(-fuse-ld=${linker})
      break()
    endif()
  endforeach()
endif()

if(TROUPE_SANITIZE)
  add_compile_options(-fsanitize=${TROUPE_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TROUPE_SANITIZE})
  if(TROUPE_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  if(TROUPE_SANITIZE MATCHES "thread")
    # It does not understand fences. Asio's own are not needed for its queues, which are behind locks; what is left in
    # headers of others is none that our threads meet by.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
    add_compile_options(-Wno-tsan)
  endif()
endif()
if(TROUPE_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "TROUPE_BUILD_FUZZERS needs clang: configure with `cmake --preset fuzz`")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
