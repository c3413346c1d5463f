// ndarray_bench: reads lines "CASE TYPE SIZE REPEATS" and answers each with the least and the median nanoseconds of one
// run. SIZE is the number of elements; matrices are as square as they can be. compare.py asks, and asks NumPy the same.
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "benchmarks/array/asked.hpp"
#include "collections/ndarray/counting.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/fft.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/linalg.hpp"
#include "collections/ndarray/program.hpp"
#include "collections/ndarray/random.hpp"
#include "collections/ndarray/reductions.hpp"
#include "collections/ndarray/scans.hpp"
#include "collections/ndarray/sorting.hpp"

namespace {

using namespace troupe::nd;

/// What the cases work on: the same kind of numbers as compare.py makes.
struct Data {
  Data(DType dtype, std::int64_t n) : side(static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)))) {
    const auto draw = [&](const char* name, std::vector<double> parameters, std::uint32_t stream, const Shape& shape) {
      return random::draw(random::distribution(name, std::move(parameters)), random::Key{1, stream}, shape);
    };
    a = draw("uniform", {0.5, 2}, 0, {n}).astype(dtype);
    b = draw("uniform", {-1, 1}, 1, {n}).astype(dtype);
    square = draw("uniform", {-1, 1}, 2, {side, side}).astype(dtype);
    square2 = draw("uniform", {-1, 1}, 3, {side, side}).astype(dtype);
    mask = greater(b, 0);
    none = NdArray::zeros({n}, DType::bool_);
    sorted = sort(b);
    whole = draw("integers", {0, 1000}, 4, {n});
    places = draw("integers", {0, static_cast<double>(n)}, 5, {n});
    complex = square.astype(complex_of(dtype));
    few = round(multiply(b, 500.0));
    Program p;
    const auto x = p.input(dtype);
    const auto y = p.input(dtype);
    p.set_result(p.apply(Op::add, {p.apply(Op::multiply, {x, p.constant(2)}), y}));
    axpy = p;
  }

  std::int64_t side;
  NdArray a, b, square, square2, mask, none, sorted, whole, places, complex, few;
  Program axpy;
};

using Case = std::function<NdArray(const Data&)>;

std::map<std::string, Case> cases() {
  std::map<std::string, Case> all;
  all["a+b"] = [](const Data& d) { return add(d.a, d.b); };
  all["a*2+b"] = [](const Data& d) { return d.axpy.run(std::vector<NdArray>{d.a, d.b}); };
  all["a+a.T"] = [](const Data& d) { return add(d.square, d.square.transpose()); };
  all["exp"] = [](const Data& d) { return exp(d.b); };
  all["log"] = [](const Data& d) { return log(d.a); };
  all["sqrt"] = [](const Data& d) { return sqrt(d.a); };
  all["sin"] = [](const Data& d) { return sin(d.b); };
  all["a>b"] = [](const Data& d) { return greater(d.a, d.b); };
  all["where"] = [](const Data& d) { return where(d.mask, d.a, d.b); };
  all["clip"] = [](const Data& d) { return clip(d.b, -0.5, 0.5); };
  all["abs"] = [](const Data& d) { return absolute(d.b); };
  all["sum"] = [](const Data& d) { return sum(d.b); };
  all["sum axis 0"] = [](const Data& d) { return sum(d.square, 0); };
  all["sum axis 1"] = [](const Data& d) { return sum(d.square, 1); };
  all["mean"] = [](const Data& d) { return mean(d.b); };
  all["var"] = [](const Data& d) { return var(d.b); };
  all["min"] = [](const Data& d) { return min(d.b); };
  all["argmax"] = [](const Data& d) { return argmax(d.b); };
  all["cumsum"] = [](const Data& d) { return cumsum(d.b); };
  all["any"] = [](const Data& d) { return any(d.none); };
  all["sort"] = [](const Data& d) { return sort(d.b); };
  all["argsort"] = [](const Data& d) { return argsort(d.b); };
  all["searchsorted"] = [](const Data& d) { return searchsorted(d.sorted, d.b); };
  all["unique"] = [](const Data& d) { return unique(d.few); };
  all["bincount"] = [](const Data& d) { return bincount(d.whole); };
  all["histogram"] = [](const Data& d) { return histogram(d.b, 100).first; };
  all["take"] = [](const Data& d) { return take(d.b, d.places, 0); };
  all["boolean mask"] = [](const Data& d) { return masked(d.b, d.mask); };
  all["strided copy"] = [](const Data& d) {
    return d.square.slice(0, Slice{{}, {}, 2}).slice(1, Slice{{}, {}, 2}).copy();
  };
  all["transpose copy"] = [](const Data& d) { return d.square.transpose().copy(); };
  all["concatenate"] = [](const Data& d) { return concatenate({d.a, d.b}); };
  all["matmul"] = [](const Data& d) { return matmul(d.square, d.square2); };
  all["dot"] = [](const Data& d) { return dot(d.a, d.b); };
  all["rfft"] = [](const Data& d) { return fft::rfft(d.b); };
  all["fft2"] = [](const Data& d) { return fft::fft2(d.complex); };
  all["normal"] = [](const Data& d) {
    return random::draw(random::distribution("standard_normal"), random::Key{7, 0}, d.a.shape());
  };
  return all;
}

}  // namespace

int main() {
  const auto known = cases();
  std::map<std::pair<std::string, std::int64_t>, Data> made;
  for (auto asked = array_benchmark::next_request(); asked.size() == 4; asked = array_benchmark::next_request()) {
    const auto n = std::stoll(asked[2]);
    const auto found = known.find(asked[0]);
    if (found == known.end()) {
      std::cerr << "ndarray_bench: there is no case '" << asked[0] << "'\n";
      return 2;
    }
    auto data = made.find({asked[1], n});
    if (data == made.end()) {
      made.clear();
      data = made.emplace(std::pair(asked[1], n), Data(dtype_named(asked[1]), n)).first;
    }
    array_benchmark::answer(std::stoi(asked[3]), [&] { return found->second(data->second); });
  }
}
