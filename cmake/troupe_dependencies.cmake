# Everything Troupe links against, found in one place: by its own build, and by TroupeConfig.cmake in the build of those
# who use it (where TROUPE_FIND is find_dependency). The Debian package of each is in scripts/bootstrap.sh.

if(NOT DEFINED TROUPE_FIND)
  set(TROUPE_FIND find_package)
  set(troupe_required REQUIRED)
else()
  set(troupe_required "")
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
cmake_language(CALL ${TROUPE_FIND} Threads ${troupe_required})
cmake_language(CALL ${TROUPE_FIND} fmt ${troupe_required})
# Its file asks for libatomic with a test in C, which fails in projects of C++ alone; GCC brings the library.
set(FOUND_LIBATOMIC TRUE)
cmake_language(CALL ${TROUPE_FIND} CapnProto ${troupe_required})
cmake_language(CALL ${TROUPE_FIND} Boost 1.81 ${troupe_required} COMPONENTS json url)
cmake_language(CALL ${TROUPE_FIND} OpenSSL ${troupe_required})
cmake_language(CALL ${TROUPE_FIND} CAF ${troupe_required})
cmake_language(CALL ${TROUPE_FIND} prometheus-cpp ${troupe_required} COMPONENTS core)
cmake_language(CALL ${TROUPE_FIND} yaml-cpp ${troupe_required})
cmake_language(CALL ${TROUPE_FIND} spdlog ${troupe_required})
cmake_language(CALL ${TROUPE_FIND} ZLIB ${troupe_required})
cmake_language(CALL ${TROUPE_FIND} BZip2 ${troupe_required})
cmake_language(CALL ${TROUPE_FIND} simdjson ${troupe_required})
cmake_language(CALL ${TROUPE_FIND} hwy ${troupe_required})
cmake_language(CALL ${TROUPE_FIND} PkgConfig ${troupe_required})

# Debian has no CMake files for these; each is PkgConfig::<name>.
foreach(module zstd:libzstd lz4:liblz4 xxhash:libxxhash lzma:liblzma snappy:snappy avro:avro-c dw:libdw
        sleef:sleef openblas:openblas lapacke:lapacke hdf5:hdf5-serial blosc:blosc png:libpng jpeg:libjpeg)
  string(REPLACE ":" ";" module ${module})
  list(GET module 0 name)
  list(GET module 1 file)
  if(NOT TARGET PkgConfig::${name})
    pkg_check_modules(${name} REQUIRED QUIET IMPORTED_TARGET ${file})
  endif()
endforeach()
