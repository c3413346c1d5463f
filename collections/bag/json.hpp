#pragma once

#include <string>
#include <vector>

#include "collections/bag/bag.hpp"
#include "collections/io/avro.hpp"
#include "collections/io/json.hpp"

/// Bags of JSON values, from files and into files: JSON lines, and Avro object container files. In a header of its own,
/// for it shows the JSON library.
namespace troupe::bag {

using Json = io::Json;

/// A value a line; empty lines are passed over.
Bag<Json> read_json_lines(const std::vector<std::string>& patterns, const io::TextFormat& format = {},
                          const io::TextCut& cut = {});
Bag<Json> read_avro(const std::vector<std::string>& patterns, const io::TextCut& cut = {},
                    io::Errors errors = io::Errors::strict);

/// Each partition to a file of its own; gives their paths. See io::output_paths: "out/*.json.gz".
std::vector<std::string> to_json_lines(const Bag<Json>& values, const std::string& pattern,
                                       const io::OutputFormat& format = {}, const ComputeOptions& options = {});
std::vector<std::string> to_avro(const Bag<Json>& values, const std::string& pattern, const io::AvroFormat& format,
                                 const ComputeOptions& options = {});

}  // namespace troupe::bag
