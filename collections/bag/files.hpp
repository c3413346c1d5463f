#pragma once

#include <string>
#include <utility>
#include <vector>

#include "collections/bag/bag.hpp"
#include "collections/io/text.hpp"
#include "collections/io/text_output.hpp"

/// Bags of lines of text, from files and into files. Which files there are, and what is wrong with how they were asked
/// for, is found out as the bag is written; what is wrong inside of them fails the task that reads it. Workers have to
/// see the files under the same names.
namespace troupe::bag {

/// The lines of files, without their ends. Patterns as of io::find_files: "logs/*.gz". A large plain file is read in
/// several partitions.
Bag<std::string> read_text(const std::vector<std::string>& patterns, const io::TextFormat& format = {},
                           const io::TextCut& cut = {});
Bag<std::string> read_text(const std::string& pattern, const io::TextFormat& format = {}, const io::TextCut& cut = {});
/// Each line with the path of its file: (line, path).
Bag<std::pair<std::string, std::string>> read_text_with_paths(const std::vector<std::string>& patterns,
                                                              const io::TextFormat& format = {},
                                                              const io::TextCut& cut = {});

/// What reading them comes to: lines, and what `format.errors` left out or replaced. Reads the files once more.
Delayed<io::ReadCounts> count_text(const std::vector<std::string>& patterns, const io::TextFormat& format = {},
                                   const io::TextCut& cut = {});

/// Writes each partition to a file of its own; gives their paths. See io::output_paths: "out/*.txt.gz".
std::vector<std::string> to_textfiles(const Bag<std::string>& lines, const std::string& pattern,
                                      const io::OutputFormat& format = {}, const ComputeOptions& options = {});

}  // namespace troupe::bag
