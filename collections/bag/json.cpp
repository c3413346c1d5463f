#include "collections/bag/json.hpp"

#include <optional>

#include "collections/bag/partition_files.hpp"

namespace troupe {
namespace bag_detail {

using io::Json;

template <class Reader, class Options>
class JsonSource final : public Giver<Json>, public OtherPart {
public:
  using Gives = Json;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text(std::is_same_v<Reader, io::JsonReader> ? "read_json_lines" : "read_avro");
  }
  explicit JsonSource(ArgumentReader& arguments)
      : blocks_(arguments.read<io::TextPartition>()), options_(arguments.read<Options>()) {}
  void run() override {
    for (const auto& block : blocks_) {
      if (satisfied()) return;
      Reader reader(block, options_);
      Json value;
      while (!satisfied() && reader.next(value)) give_away(std::move(value));
    }
  }

private:
  io::TextPartition blocks_;
  Options options_;
};
using JsonLines = JsonSource<io::JsonReader, io::TextFormat>;
using AvroValues = JsonSource<io::AvroReader, io::Errors>;

class WriteJsonLines final : public Receiver<Json>, public OtherPart {
public:
  using Takes = Json;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("to_json_lines");
  }
  explicit WriteJsonLines(ArgumentReader& arguments)
      : path_(arguments.read<std::string>()), writer_(path_, arguments.read<io::OutputFormat>()) {}
  void push(const Json& value) override { writer_.write(io::json_line(value)); }
  Value result() override {
    (void)writer_.finish();
    return Value::make(std::move(path_));
  }

private:
  std::string path_;
  io::LineWriter writer_;
};

class WriteAvro final : public Receiver<Json>, public OtherPart {
public:
  using Takes = Json;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("to_avro");
  }
  explicit WriteAvro(ArgumentReader& arguments)
      : path_(arguments.read<std::string>()), writer_(path_, arguments.read<io::AvroFormat>()) {}
  void push(const Json& value) override { writer_.write(value); }
  Value result() override {
    (void)writer_.finish();
    return Value::make(std::move(path_));
  }

private:
  std::string path_;
  io::AvroWriter writer_;
};

}  // namespace bag_detail

namespace bag {

Bag<Json> read_json_lines(const std::vector<std::string>& patterns, const io::TextFormat& format,
                          const io::TextCut& cut) {
  return bag_detail::from_files<bag_detail::JsonLines>(io::plan_text(patterns, format, cut),
                                                       [&](ArgumentWriter& out) { out.write<io::TextFormat>(format); });
}
Bag<Json> read_avro(const std::vector<std::string>& patterns, const io::TextCut& cut, io::Errors errors) {
  return bag_detail::from_files<bag_detail::AvroValues>(io::plan_avro(patterns, cut),
                                                        [&](ArgumentWriter& out) { out.write<io::Errors>(errors); });
}
Delayed<io::ReadCounts> count_json_lines(const std::vector<std::string>& patterns, const io::TextFormat& format,
                                         const io::TextCut& cut) {
  using Counts = bag_detail::BlockCounts<io::JsonReader, io::TextFormat, Json>;
  return bag_detail::from_files<Counts>(io::plan_text(patterns, format, cut),
                                        [&](ArgumentWriter& out) { out.write<io::TextFormat>(format); })
      .sum();
}
std::vector<std::string> to_json_lines(const Bag<Json>& values, const std::string& pattern,
                                       const io::OutputFormat& format, const ComputeOptions& options) {
  return bag_detail::to_files<Json, bag_detail::WriteJsonLines>(
      values, pattern, options, [&](ArgumentWriter& out) { out.write<io::OutputFormat>(format); });
}
std::vector<std::string> to_avro(const Bag<Json>& values, const std::string& pattern, const io::AvroFormat& format,
                                 const ComputeOptions& options) {
  return bag_detail::to_files<Json, bag_detail::WriteAvro>(
      values, pattern, options, [&](ArgumentWriter& out) { out.write<io::AvroFormat>(format); });
}

}  // namespace bag
}  // namespace troupe
