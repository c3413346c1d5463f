#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "apps/demo.hpp"
#include "troupe/array.hpp"

namespace troupe::apps {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

namespace {

struct Flags {
  std::vector<std::string> paths;
  std::int64_t distance{8};
  std::string block_size{"4MiB"};
};

/// The bytes of all files, one after the other.
Array bytes_of(const FileTree& tree, std::int64_t block) {
  std::vector<Array> files;
  for (const auto& [path, size] : tree.filled)
    files.push_back(array::from_raw(path, array::DType::uint8, {static_cast<std::int64_t>(size)}, block));
  return array::concatenate(files).rechunk(block);
}

/// Shannon's entropy, in bits, of things that were counted.
/// C. Shannon, "A Mathematical Theory of Communication" (1948).
Array entropy(const Array& counts) {
  const Array shares = counts / counts.sum();
  return -array::where(shares > 0, shares * array::log2(array::where(shares > 0, shares, 1.0)), 0.0).sum();
}

/// The bits of a byte by itself, then those that are left of it if the byte 1, 2, ... places before it is known.
std::vector<double> bits_left(const Array& bytes, std::int64_t distance, const ComputeOptions& where) {
  using array::slice;
  const Array x = bytes.astype(array::DType::int32);
  const Array alone = entropy(array::bincount(x, 256));
  std::vector<Array> all{alone};
  for (std::int64_t d = 1; d <= distance; ++d) {
    const Array pairs = x[slice({}, -d)] * 256 + x[slice(d)];
    all.push_back(entropy(array::bincount(pairs, 256 * 256)) - alone);
  }
  std::vector<double> bits;
  for (const auto& each : array::compute_all(all, where)) bits.push_back(each.item<double>());
  return bits;
}

ExitCode show_entropy(const Door& door, const Flags& flags) {
  const auto block = static_cast<std::int64_t>(parse_block_size(flags.block_size));
  const FileTree tree = list_files(flags.paths);
  if (tree.bytes <= static_cast<std::uint64_t>(flags.distance))
    throw CommandError(ExitCode::failed, fmt::format("{} bytes in {} files are too few", tree.bytes, tree.files));
  const DemoPlace place(door);
  const auto start = Clock::now();
  const auto bytes = bytes_of(tree, block);
  const auto bits = bits_left(bytes, flags.distance, place.options());
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const double megabytes = static_cast<double>(tree.bytes) / 1e6;
  if (door.json()) {
    print(json::serialize(json::object{{"schema", "troupe/v1/entropy"},
                                       {"bits", bits.front()},
                                       {"bits_left", json::array(bits.begin() + 1, bits.end())},
                                       {"files", tree.files},
                                       {"bytes", tree.bytes},
                                       {"blocks", bytes.npartitions()},
                                       {"seconds", seconds},
                                       {"megabytes_per_second", megabytes / seconds}}) +
          "\n");
    return ExitCode::done;
  }
  Table table({"KNOWN", "BITS LEFT OF 8"});
  table.add({"nothing", fmt::format("{:.3f}", bits.front())});
  for (std::size_t d = 1; d < bits.size(); ++d)
    table.add({fmt::format("the byte {} before", d), fmt::format("{:.3f}", bits[d])});
  print(table.text() + fmt::format("\n{} files; {:.1f} MB in {:.3f} s, {:.0f} MB/s ({} blocks)\n", tree.files,
                                   megabytes, seconds, megabytes / seconds, bytes.npartitions()));
  return ExitCode::done;
}

}  // namespace

void add_entropy(CLI::App& demo, Door& door) {
  CLI::App* command = demo.add_subcommand(
      "entropy", "How much a byte of a tree of files tells of the bytes after it, as a program of arrays.");
  auto flags = std::make_shared<Flags>();
  command->add_option("PATH", flags->paths, "files and directories; the workers must see them too")->required();
  command->add_option("--distance", flags->distance, "look at bytes that are up to so far apart (default 8)")
      ->check(CLI::Range(0, 64));
  command->add_option("--block-size", flags->block_size, "bytes in a block (default 4MiB)")->type_name("SIZE");
  door.add_scheduler_options(*command);
  door.add_output_option(*command);
  command->footer(
      "The files count as one, in the order of their names. Runs on the scheduler that is named, else on the one of\n"
      "this user, else on threads of its own.\n\n"
      "Examples:\n  troupe demo entropy /usr/share/doc\n"
      "  troupe demo entropy --distance 2 -o json ~/texts\n\n" +
      std::string(exit_codes_help));
  command->callback([&door, flags] { door.run = [&door, flags] { return show_entropy(door, *flags); }; });
}

}  // namespace troupe::apps
