// blocks_bench: reads lines "CASE TYPE SIZE BLOCK THREADS REPEATS" and answers each with the least and the median
// nanoseconds of one run: of writing the expression and computing it on the threads of this machine. SIZE and BLOCK are
// numbers of elements; matrices are as square as they can be, and so are their blocks. Blocks of results stay where they
// are, as with dask's persist. The cases "copy" and "triad" are those of STREAM: plain loops, each thread with its part.
// compare_blocks.py asks.
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <thread>
#include <tuple>

#include "benchmarks/array/asked.hpp"
#include "troupe/array.hpp"

namespace {

using namespace troupe;
using array::slice;

/// What the cases work on: the same kind of numbers as compare.py makes, in blocks that are there.
struct Data {
  Data(array::DType dtype, std::int64_t n, std::int64_t block)
      : side(static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)))) {
    const auto edge = static_cast<std::int64_t>(std::sqrt(static_cast<double>(block)));
    array::Generator random(1);
    const array::CreateOptions line{.chunks = block};
    const array::CreateOptions tiles{.chunks = {edge, edge}};
    a = random.uniform(0.5, 2, {n}, line).astype(dtype).persist();
    b = random.uniform(-1, 1, {n}, line).astype(dtype).persist();
    square = random.uniform(-1, 1, {side, side}, tiles).astype(dtype).persist();
    square2 = random.uniform(-1, 1, {side, side}, tiles).astype(dtype).persist();
    mask = (b > 0).persist();
    none = array::zeros({n}, {.dtype = array::DType::bool_, .chunks = block}).persist();
    sorted = array::sort(b).persist();
    whole = random.integers(0, 1000, {n}, line).persist();
    complex =
        square.astype(dtype == array::DType::float32 ? array::DType::complex64 : array::DType::complex128).persist();
    few = array::rint(b * 500).persist();
    shape = {n};
    chunks = block;
  }

  std::int64_t side;
  Array a, b, square, square2, mask, none, sorted, whole, complex, few;
  array::Shape shape;
  std::int64_t chunks{};
};

using Case = std::function<Array(const Data&)>;

std::map<std::string, Case> cases() {
  std::map<std::string, Case> all;
  all["a+b"] = [](const Data& d) { return d.a + d.b; };
  all["a*2+b"] = [](const Data& d) { return d.a * 2 + d.b; };
  all["a+a.T"] = [](const Data& d) { return d.square + d.square.T(); };
  all["exp"] = [](const Data& d) { return array::exp(d.b); };
  all["log"] = [](const Data& d) { return array::log(d.a); };
  all["sqrt"] = [](const Data& d) { return array::sqrt(d.a); };
  all["sin"] = [](const Data& d) { return array::sin(d.b); };
  all["a>b"] = [](const Data& d) { return d.a > d.b; };
  all["where"] = [](const Data& d) { return array::where(d.mask, d.a, d.b); };
  all["clip"] = [](const Data& d) { return array::clip(d.b, -0.5, 0.5); };
  all["abs"] = [](const Data& d) { return array::absolute(d.b); };
  all["sum"] = [](const Data& d) { return d.b.sum(); };
  all["sum axis 0"] = [](const Data& d) { return d.square.sum({.axis = 0}); };
  all["sum axis 1"] = [](const Data& d) { return d.square.sum({.axis = 1}); };
  all["mean"] = [](const Data& d) { return d.b.mean(); };
  all["var"] = [](const Data& d) { return d.b.var(); };
  all["min"] = [](const Data& d) { return d.b.min(); };
  all["argmax"] = [](const Data& d) { return d.b.argmax(); };
  all["cumsum"] = [](const Data& d) { return d.b.cumsum(0); };
  all["any"] = [](const Data& d) { return d.none.any(); };
  all["sort"] = [](const Data& d) { return array::sort(d.square, 1); };
  all["argsort"] = [](const Data& d) { return array::argsort(d.square, 1); };
  all["searchsorted"] = [](const Data& d) { return array::searchsorted(d.sorted, d.b); };
  all["unique"] = [](const Data& d) { return array::unique(d.few); };
  all["bincount"] = [](const Data& d) { return array::bincount(d.whole, 1000); };
  all["histogram"] = [](const Data& d) { return array::histogram(d.b, 100, {-1, 1}).first; };
  all["take"] = [](const Data& d) { return d.square[d.side / 2]; };
  all["boolean mask"] = [](const Data& d) { return d.b[d.mask]; };
  all["strided copy"] = [](const Data& d) { return d.square[{slice({}, {}, 2), slice({}, {}, 2)}]; };
  all["transpose copy"] = [](const Data& d) { return d.square.T().rechunk({d.side, d.chunks / d.side + 1}); };
  all["concatenate"] = [](const Data& d) { return array::concatenate({d.a, d.b}) + 0; };
  all["matmul"] = [](const Data& d) { return array::matmul(d.square, d.square2); };
  all["dot"] = [](const Data& d) { return array::dot(d.a, d.b); };
  all["rfft"] = [](const Data& d) { return array::fft::rfft(d.square); };
  all["fft2"] = [](const Data& d) { return array::fft::fft2(d.complex); };
  all["normal"] = [](const Data& d) { return array::Generator(7).standard_normal(d.shape, {.chunks = d.chunks}); };
  // Chains, each of which becomes one pass over a block.
  all["(a*2+b-1)/3"] = [](const Data& d) { return (d.a * 2 + d.b - 1) / 3; };
  all["sqrt(a*a+b*b)"] = [](const Data& d) { return array::sqrt(d.a * d.a + d.b * d.b); };
  all["where(a>b,a*2,b+1)"] = [](const Data& d) { return array::where(d.a > d.b, d.a * 2, d.b + 1); };
  all["((a-b)**2).sum()"] = [](const Data& d) { return array::square(d.a - d.b).sum(); };
  all["abs(a*b-b).mean()"] = [](const Data& d) { return array::absolute(d.a * d.b - d.b).mean(); };
  all["8 steps"] = [](const Data& d) {
    auto x = d.a;
    for (int i = 1; i <= 4; ++i) x = x * 0.5 + d.b;
    return x;
  };
  // Of matrices.
  all["x+1"] = [](const Data& d) { return d.square + 1; };
  all["x.sum()"] = [](const Data& d) { return d.square.sum(); };
  all["x.std(axis=0)"] = [](const Data& d) { return d.square.std({.axis = 0}); };
  all["(x+x.T)[::2].mean(axis=1)"] = [](const Data& d) {
    return (d.square + d.square.T())[{slice({}, {}, 2)}].mean({.axis = 1});
  };
  all["x@y"] = all["matmul"];
  all["x.cumsum(axis=0)"] = [](const Data& d) { return d.square.cumsum(0); };
  all["x[5:-5,5:-5]*y[5:-5,5:-5]"] = [](const Data& d) {
    return d.square[{slice(5, -5), slice(5, -5)}] * d.square2[{slice(5, -5), slice(5, -5)}];
  };
  return all;
}

/// The arrays of STREAM, and its loops in `threads` threads, each with its own part.
class Stream {
public:
  explicit Stream(std::size_t n) : a_(n, 1), b_(n, 2), c_(n, 0) {}

  /// Something to look at, so that nothing is left out.
  double run(const std::string& kind, unsigned threads) {
    const auto n = a_.size();
    std::vector<std::thread> others;
    const auto part = [&](unsigned i) {
      const double* a = a_.data();
      const double* b = b_.data();
      double* c = c_.data();
      const auto end = n * (i + 1) / threads;
      if (kind == "copy")
        for (auto k = n * i / threads; k < end; ++k) c[k] = a[k];
      else
        for (auto k = n * i / threads; k < end; ++k) c[k] = a[k] + 3 * b[k];
    };
    for (unsigned i = 1; i < threads; ++i) others.emplace_back(part, i);
    part(0);
    for (auto& each : others) each.join();
    return c_[n / 2];
  }

private:
  std::vector<double> a_, b_, c_;
};

}  // namespace

int main() {
  const auto known = cases();
  std::optional<std::tuple<std::string, std::int64_t, std::int64_t>> made;
  std::optional<Data> data;
  std::optional<Stream> stream;
  for (auto asked = array_benchmark::next_request(); asked.size() == 6; asked = array_benchmark::next_request()) {
    const auto& name = asked[0];
    const auto n = std::stoll(asked[2]);
    const auto threads = static_cast<unsigned>(std::stoul(asked[4]));
    const auto repeats = std::stoi(asked[5]);
    const ComputeOptions how{.scheduler = SchedulerKind::threads, .threads = threads};
    if (name == "copy" || name == "triad") {
      if (!stream) stream.emplace(static_cast<std::size_t>(n));
      array_benchmark::answer(repeats, [&] { return stream->run(name, threads); });
      continue;
    }
    const auto found = known.find(name);
    if (found == known.end()) {
      std::cerr << "blocks_bench: there is no case '" << name << "'\n";
      return 2;
    }
    const std::tuple wanted(asked[1], n, std::stoll(asked[3]));
    if (made != wanted) {
      stream.reset();
      data.reset();
      data.emplace(array::DType{nd::dtype_named(asked[1])}, n, std::get<2>(wanted));
      made = wanted;
    }
    array_benchmark::answer(repeats, [&] { return found->second(*data).persist(how); });
  }
}
