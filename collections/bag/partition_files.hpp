#pragma once

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "collections/bag/bag.hpp"
#include "collections/io/output.hpp"
#include "collections/io/text.hpp"

/// Bags whose partitions are blocks of files, and files that are partitions of bags.
namespace troupe::bag_detail {

/// What became of each block: reads it, and keeps nothing. Items are what `Reader` hands out.
template <class Reader, class Options, class Item>
class BlockCounts final : public Giver<io::ReadCounts>, public OtherPart {
public:
  using Gives = io::ReadCounts;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text(std::is_same_v<Item, std::string_view> ? "count lines" : "count values");
  }
  explicit BlockCounts(ArgumentReader& arguments)
      : blocks_(arguments.read<io::TextPartition>()), options_(arguments.read<Options>()) {}
  void run() override {
    for (const auto& block : blocks_) {
      Reader reader(block, options_);
      for (Item item; !satisfied() && reader.next(item);) {
      }
      give(reader.counts());
    }
  }

private:
  io::TextPartition blocks_;
  Options options_;
};

/// `Source` takes the blocks of a partition, and what `write` writes.
template <class Source, class Write>
Bag<typename Source::Gives> from_files(const std::vector<io::TextPartition>& plan, const Write& write) {
  std::vector<ExpressionRef> partitions;
  partitions.reserve(plan.size());
  for (const auto& blocks : plan)
    partitions.push_back(gather<Source>({}, [&](ArgumentWriter& out) {
      out.write<io::TextPartition>(blocks);
      write(out);
    }));
  return Bag<typename Source::Gives>(std::move(partitions));
}

/// `Sink` takes the path of a partition's file and what `write` writes, and gives the path.
template <class T, class Sink, class Write>
std::vector<std::string> to_files(const Bag<T>& bag, const std::string& pattern, const ComputeOptions& options,
                                  const Write& write) {
  const auto paths = io::output_paths(pattern, bag.npartitions());
  std::vector<ExpressionRef> written;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    PipelineWriter writer;
    writer.part<Elements<T>>(naming({&bag.partitions()[i], 1}));
    writer.part<Sink>([&](ArgumentWriter& out) {
      out.write<std::string>(paths[i]);
      write(out);
    });
    written.push_back(finish(writer));
  }
  (void)compute_expressions(written, options);
  return paths;
}

}  // namespace troupe::bag_detail
