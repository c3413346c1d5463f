#include "collections/bag/files.hpp"

#include <type_traits>

#include "collections/bag/partition_files.hpp"

namespace troupe {
namespace bag_detail {

/// The lines of a partition's blocks, alone or with the path of their file.
template <class T>
class Lines final : public Giver<T>, public OtherPart {
public:
  using Gives = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("read_text#");
    describe_types<T>(out);
  }
  explicit Lines(ArgumentReader& arguments)
      : blocks_(arguments.read<io::TextPartition>()), format_(arguments.read<io::TextFormat>()) {}
  void run() override {
    for (const auto& block : blocks_) {
      if (this->satisfied()) return;
      io::LineReader reader(block, format_);
      std::string_view line;
      if constexpr (std::is_same_v<T, std::string>) {
        if (format_.delimiter.empty() && this->next_->takes_lines_together()) {
          while (!this->satisfied() && reader.next_text(line)) {
            this->heed_stop();  // of which there are few, and long ones
            this->give(line);
          }
          continue;
        }
      }
      while (!this->satisfied() && reader.next(line)) {
        if constexpr (std::is_same_v<T, std::string>)
          this->give(line);
        else
          this->give_away(T(line, block.path));
      }
    }
  }

private:
  io::TextPartition blocks_;
  io::TextFormat format_;
};

/// Writes all lines to one file, and gives its path.
class WriteLines final : public Receiver<std::string>, public OtherPart {
public:
  using Takes = std::string;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("to_textfiles");
  }
  explicit WriteLines(ArgumentReader& arguments)
      : path_(arguments.read<std::string>()), writer_(path_, arguments.read<io::OutputFormat>()) {}
  void push(std::string_view line) override { writer_.write(line); }
  Value result() override {
    (void)writer_.finish();
    return Value::make(std::move(path_));
  }

private:
  std::string path_;
  io::LineWriter writer_;
};

namespace {

template <class T>
Bag<T> read(const std::vector<std::string>& patterns, const io::TextFormat& format, const io::TextCut& cut) {
  return from_files<Lines<T>>(io::plan_text(patterns, format, cut),
                              [&](ArgumentWriter& out) { out.write<io::TextFormat>(format); });
}

}  // namespace
}  // namespace bag_detail

namespace bag {

Bag<std::string> read_text(const std::vector<std::string>& patterns, const io::TextFormat& format,
                           const io::TextCut& cut) {
  return bag_detail::read<std::string>(patterns, format, cut);
}
Bag<std::string> read_text(const std::string& pattern, const io::TextFormat& format, const io::TextCut& cut) {
  return read_text(std::vector{pattern}, format, cut);
}
Bag<std::pair<std::string, std::string>> read_text_with_paths(const std::vector<std::string>& patterns,
                                                              const io::TextFormat& format, const io::TextCut& cut) {
  return bag_detail::read<std::pair<std::string, std::string>>(patterns, format, cut);
}

Delayed<io::ReadCounts> count_text(const std::vector<std::string>& patterns, const io::TextFormat& format,
                                   const io::TextCut& cut) {
  using Counts = bag_detail::BlockCounts<io::LineReader, io::TextFormat, std::string_view>;
  return bag_detail::from_files<Counts>(io::plan_text(patterns, format, cut),
                                        [&](ArgumentWriter& out) { out.write<io::TextFormat>(format); })
      .sum();
}

std::vector<std::string> to_textfiles(const Bag<std::string>& lines, const std::string& pattern,
                                      const io::OutputFormat& format, const ComputeOptions& options) {
  return bag_detail::to_files<std::string, bag_detail::WriteLines>(
      lines, pattern, options, [&](ArgumentWriter& out) { out.write<io::OutputFormat>(format); });
}

}  // namespace bag
}  // namespace troupe
