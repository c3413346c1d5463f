#pragma once

#include <filesystem>

#include "protocol/error.hpp"

namespace troupe {

/// Opens a directory that this user owns and nobody else may write to; makes it if it is not there. Any other is
/// refused with ErrorKind::invalid; a link is not followed. The caller closes what is returned.
Result<int> open_private_directory(const std::filesystem::path& path);

/// The same for those who only want it to be there.
Result<void> make_private_directory(const std::filesystem::path& path);

}  // namespace troupe
