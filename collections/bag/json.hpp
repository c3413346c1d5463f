#pragma once

#include <string>
#include <vector>

#include "collections/bag/bag.hpp"
#include "collections/bag/partition_files.hpp"
#include "collections/io/avro.hpp"
#include "collections/io/json.hpp"
#include "collections/io/json_struct.hpp"

/// Bags of JSON values, from files and into files: JSON lines, and Avro object container files. In a header of its own,
/// for it shows the JSON library.
namespace troupe::bag_detail {

/// JSON lines as values of a type.
template <class T>
class JsonStructs final : public Giver<T>, public OtherPart {
public:
  using Gives = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("read_json_lines#");
    describe_types<T>(out);
  }
  explicit JsonStructs(ArgumentReader& arguments)
      : blocks_(arguments.read<io::TextPartition>()), format_(arguments.read<io::TextFormat>()) {}
  void run() override {
    for (const auto& block : blocks_)
      if (!this->satisfied())
        io::read_json_lines_as<T>(block, format_, [this](T value) { this->give_away(std::move(value)); });
  }

private:
  io::TextPartition blocks_;
  io::TextFormat format_;
};

}  // namespace troupe::bag_detail

namespace troupe::bag {

using Json = io::Json;

/// A value a line; empty lines are passed over.
Bag<Json> read_json_lines(const std::vector<std::string>& patterns, const io::TextFormat& format = {},
                          const io::TextCut& cut = {});
/// The same as values of a type: a struct with TROUPE_FIELDS, say.
template <io::Shaped T>
Bag<T> read_json_lines_as(const std::vector<std::string>& patterns, const io::TextFormat& format = {},
                          const io::TextCut& cut = {}) {
  return bag_detail::from_files<bag_detail::JsonStructs<T>>(
      io::plan_text(patterns, format, cut), [&](ArgumentWriter& out) { out.write<io::TextFormat>(format); });
}
Bag<Json> read_avro(const std::vector<std::string>& patterns, const io::TextCut& cut = {},
                    io::Errors errors = io::Errors::strict);

/// What reading them comes to: values, and lines that `format.errors` left out. Reads the files once more.
Delayed<io::ReadCounts> count_json_lines(const std::vector<std::string>& patterns, const io::TextFormat& format = {},
                                         const io::TextCut& cut = {});

/// Each partition to a file of its own; gives their paths. See io::output_paths: "out/*.json.gz".
std::vector<std::string> to_json_lines(const Bag<Json>& values, const std::string& pattern,
                                       const io::OutputFormat& format = {}, const ComputeOptions& options = {});
std::vector<std::string> to_avro(const Bag<Json>& values, const std::string& pattern, const io::AvroFormat& format,
                                 const ComputeOptions& options = {});

}  // namespace troupe::bag
