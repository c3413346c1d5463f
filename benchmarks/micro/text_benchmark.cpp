// Reading lines from 64 MB of text in the page cache: MB of text a second of CPU. Beside it, by hand: `time wc -l FILE`.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>

#include "collections/io/json.hpp"
#include "collections/io/text_output.hpp"

namespace troupe::io {
namespace {

constexpr std::size_t text_bytes = 64'000'000;

/// The file of a benchmark, there while it runs.
class File {
public:
  File(const std::string& suffix, const OutputFormat& format, const std::string& line, const std::string& end = "")
      : path_((std::filesystem::temp_directory_path() / ("troupe-text-benchmark" + suffix)).string()) {
    LineWriter writer(path_, format);
    for (std::size_t i = 0; i * (line.size() + 8) < text_bytes; ++i)
      writer.write(line + std::to_string(1'000'000 + i) + end);
    writer.finish();
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  std::string path_;
};

void lines_of(benchmark::State& state, const std::string& suffix, const std::string& encoding,
              const std::string& line) {
  const File file(suffix, {.encoding = encoding}, line);
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    LineReader reader({file.path()}, {.encoding = encoding});
    for (std::string_view text; reader.next(text);) bytes += text.size() + 1;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

void json_values_of(benchmark::State& state) {
  const File file(".jsonl", {}, R"({"name": "somebody", "values": [1, 2.5, true], "number": )", "}");
  for (auto _ : state) {
    JsonReader reader({file.path()}, {});
    for (Json value; reader.next(value);) benchmark::DoNotOptimize(value);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * std::filesystem::file_size(file.path())));
}

const std::string words = "some forty letters in each of the lines ";

BENCHMARK_CAPTURE(lines_of, plain, "", "utf-8", words)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lines_of, gzip, ".gz", "utf-8", words)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lines_of, zstd, ".zst", "utf-8", words)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lines_of, utf8_not_ascii, "", "utf-8", "sömé " + words)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lines_of, latin1_not_ascii, "", "latin-1", "sömé " + words)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lines_of, utf16, "", "utf-16", words)->Unit(benchmark::kMillisecond);
BENCHMARK(json_values_of)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace troupe::io

BENCHMARK_MAIN();
