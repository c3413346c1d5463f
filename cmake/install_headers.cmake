# Installs troupe/*.hpp, and collections/bag/json.hpp, which shows a library and so is not among them, from `source_dir`
# under `include_dir`, with every header of the project they include, directly or not. No other header of the project is a
# promise to anybody.

cmake_minimum_required(VERSION 3.25)

file(GLOB pending RELATIVE ${source_dir} ${source_dir}/troupe/*.hpp ${source_dir}/collections/bag/json.hpp)
set(seen "")
while(pending)
  list(POP_FRONT pending header)
  if(header IN_LIST seen)
    continue()
  endif()
  list(APPEND seen ${header})
  file(STRINGS ${source_dir}/${header} lines REGEX "^#include \"")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^#include \"([^\"]+)\".*" "\\1" included "${line}")
    list(APPEND pending ${included})
  endforeach()
endwhile()

foreach(header IN LISTS seen)
  get_filename_component(directory ${header} DIRECTORY)
  file(INSTALL ${source_dir}/${header} DESTINATION ${include_dir}/${directory})
endforeach()
