#pragma once

#include <string>
#include <vector>

#include "collections/array_files/flat_file.hpp"

namespace troupe::array_files {

/// What a PNG or JPEG file holds, by what it begins with, not by its name.
struct PictureInfo {
  nd::DType dtype{};  ///< uint8, or uint16 of PNG files with 16 bits
  nd::Shape shape;    ///< rows, columns, and the channels if there is more than one: grey + alpha, RGB, RGBA
};

/// Throw io::FileError: no such file, no picture, or a damaged one. Palettes become RGB, bits become bytes.
PictureInfo inspect_picture(const std::string& path);
nd::NdArray read_picture(const std::string& path);
/// As PNG, from the same shapes and types. Throws InvalidRequest for others.
void write_png(const std::string& path, const nd::NdArray& picture);
/// The files that a pattern with `*` and `?` names, in the order of their names. Throws io::FileError if there is none.
std::vector<std::string> pictures_named(const std::string& pattern);

}  // namespace troupe::array_files
