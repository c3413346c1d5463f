#include "collections/ndarray/ndarray.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numeric>
#include <vector>

#include "actors/errors.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/fft.hpp"
#include "collections/ndarray/linalg.hpp"
#include "collections/ndarray/random.hpp"
#include "collections/ndarray/reductions.hpp"
#include "runtime/store/value.hpp"

namespace troupe::nd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

NdArray counting(Shape shape, DType dtype = DType::float64) {
  std::vector<std::int64_t> elements(static_cast<std::size_t>(size_of(shape)));
  std::iota(elements.begin(), elements.end(), 0);
  return NdArray::of<std::int64_t>(std::move(shape), elements).astype(dtype);
}

TEST(NdArray, ViewsShareTheMemory) {
  const auto a = counting({3, 4});
  const auto view = a.transpose().slice(0, Slice{{}, {}, -2});
  EXPECT_EQ(view.shape(), (Shape{2, 3}));
  EXPECT_EQ(view.owner(), a.owner());
  EXPECT_THAT(view.to_vector<double>(), ElementsAre(3, 7, 11, 1, 5, 9));
  EXPECT_THAT(a.pick(0, -1).to_vector<double>(), ElementsAre(8, 9, 10, 11));
  EXPECT_EQ(a.reshape({2, -1}).shape(), (Shape{2, 6}));
  EXPECT_EQ(a.slice(0, 0, 2).reshape({4, 2}).owner(), a.owner());
  EXPECT_NE(a.transpose().reshape({12}).owner(), a.owner());
  EXPECT_THAT(a.transpose().reshape({12}).to_vector<double>(), ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
  EXPECT_THROW(a.reshape({5, -1}), InvalidRequest);
}

TEST(NdArray, LargeTransposesAreCopiedRight) {
  for (const auto dtype : {DType::int8, DType::int16, DType::float32, DType::float64, DType::complex128}) {
    const auto a = counting({67, 301, 3}, DType::int64).astype(dtype);
    const auto b = a.transpose({1, 2, 0}).copy();
    ASSERT_TRUE(b.is_contiguous());
    const auto back = b.transpose({2, 0, 1});
    EXPECT_TRUE(array_equal(a, back)) << name_of(dtype);
  }
}

TEST(NdArray, AssignsToViews) {
  auto a = NdArray::zeros({4, 5}, DType::int32);
  auto view = a.slice(1, Slice{0, 5, 2}).slice(0, Slice{1, {}, 1});
  view.assign(NdArray::of<double>({1.9, 2.9, 3.9}));
  EXPECT_THAT(a.pick(0, 0).to_vector<int>(), ElementsAre(0, 0, 0, 0, 0));
  EXPECT_THAT(a.pick(0, 3).to_vector<int>(), ElementsAre(1, 0, 2, 0, 3));
}

TEST(NdArray, TravelsAsAValueWithoutACopy) {
  const auto a = counting({100, 100});
  const auto encoded = Value::make(a).encode();
  ASSERT_EQ(encoded.buffers.size(), 1U);
  EXPECT_EQ(encoded.buffers[0].data(), a.data());
  const auto before = copied_bytes();
  const auto value = Value::from_encoded(encoded);
  const auto got = value.as<NdArray>();
  ASSERT_TRUE(got) << got.error().text;
  EXPECT_EQ(copied_bytes(), before);
  EXPECT_EQ((*got)->data(), a.data());
  EXPECT_TRUE(array_equal(**got, a));
  EXPECT_GE(value.nbytes(), a.nbytes());
  // Of a view only its elements travel.
  const auto row = Value::make(a.transpose().pick(0, 1).slice(0, 0, 5)).encode();
  EXPECT_THAT((*Value::from_encoded(row).as<NdArray>())->to_vector<double>(), ElementsAre(1, 101, 201, 301, 401));
}

TEST(NdArray, BytesThatAreNoArrayAreRefused) {
  const auto encoded = Value::make(counting({3, 4})).encode();
  for (std::size_t cut = 0; cut < encoded.header.size(); ++cut) {
    EncodedValue shorter{encoded.fingerprint, encoded.header.slice(0, cut), {}};
    EXPECT_FALSE(Value::from_encoded(shorter).as<NdArray>()) << cut;
  }
}

TEST(NdArray, NpyComesBack) {
  for (std::size_t i = 0; i < dtype_count; ++i) {
    const auto a = counting({2, 3}, static_cast<DType>(i));
    const auto bytes = npy_bytes(a.transpose());
    EXPECT_EQ(bytes.size() % 64, a.nbytes() % 64);
    const auto back = from_npy(bytes);
    EXPECT_EQ(back.dtype(), a.dtype());
    EXPECT_TRUE(array_equal(back, a.transpose()));
  }
  EXPECT_EQ(from_npy(npy_bytes(NdArray::scalar(3, DType::int8))).shape(), Shape{});
  EXPECT_EQ(from_npy(npy_bytes(NdArray(Shape{0, 4}, DType::int8))).shape(), (Shape{0, 4}));
}

TEST(NdArray, BadNpySaysWhy) {
  const auto refusal = [](std::vector<std::byte> bytes) -> std::string {
    try {
      from_npy(bytes);
    } catch (const InvalidRequest& error) {
      return error.what();
    }
    return "";
  };
  auto bytes = npy_bytes(counting({2, 3}));
  EXPECT_THAT(refusal({}), HasSubstr("does not begin"));
  EXPECT_THAT(refusal({bytes.begin(), bytes.end() - 1}), HasSubstr("needs 48 bytes, there are 47"));
  EXPECT_THAT(refusal({bytes.begin(), bytes.begin() + 20}), HasSubstr("ends within its header"));
  bytes[6] = std::byte{9};
  EXPECT_THAT(refusal(bytes), HasSubstr("version is 9"));
}

TEST(Reductions, SumOverAnyAxes) {
  const auto a = counting({2, 3, 4});
  EXPECT_EQ(sum(a).item<double>(), 276);
  EXPECT_THAT(sum(a, {0, 2}).to_vector<double>(), ElementsAre(60, 92, 124));
  EXPECT_THAT(sum(a.transpose(), {0, 2}).to_vector<double>(), ElementsAre(60, 92, 124));
  EXPECT_EQ(sum(a, Over(1).keep()).shape(), (Shape{2, 1, 4}));
  EXPECT_EQ(sum(counting({300}, DType::int8)).dtype(), DType::int64);
  EXPECT_EQ(sum(NdArray::full({1000}, 100, DType::int8), Over().as(DType::int8)).item<int>(),
            static_cast<std::int8_t>(100000));
  EXPECT_THROW(sum(a, 3), InvalidRequest);
  EXPECT_THROW(max(NdArray(Shape{0}, DType::int8)), InvalidRequest);
  EXPECT_EQ(max(NdArray(Shape{0, 3}, DType::int8), 1).shape(), Shape{0});
}

TEST(Reductions, SumsOfManyFloatsStayExactEnough) {
  const auto a = NdArray::full({1 << 20}, 0.1, DType::float32);
  EXPECT_NEAR(sum(a).item<double>(), 0.1 * (1 << 20), 0.2);  // one after the other: 4000
}

TEST(Reductions, ANaNWinsOrIsLeftOut) {
  const auto a = NdArray::of<double>({2, 3}, {3, NAN, 1, 4, 5, NAN});
  EXPECT_TRUE(std::isnan(max(a).item<double>()));
  EXPECT_EQ(nanmax(a).item<double>(), 5);
  EXPECT_EQ(argmax(a).item<int>(), 1);
  EXPECT_EQ(nanargmax(a).item<int>(), 4);
  EXPECT_THAT(argmax(a, 0).to_vector<int>(), ElementsAre(1, 0, 1));
  EXPECT_THAT(nanmean(a, 1).to_vector<double>(), ElementsAre(2, 4.5));
  EXPECT_EQ(nancount(a).item<int>(), 4);
  EXPECT_THROW(nanargmin(NdArray::of<double>({NAN, NAN})), InvalidRequest);
}

template <class T>
void expect_extremes_as_one_by_one() {
  constexpr std::int64_t n = 5000;
  const T infinity = std::numeric_limits<T>::infinity();
  const T most = std::numeric_limits<T>::max();
  std::vector<T> x(n);
  for (std::int64_t i = 0; i < n; ++i) x[static_cast<std::size_t>(i)] = static_cast<T>((i * 7919) % 4999);
  const auto check = [&x](const char* what) {
    const NdArray a = NdArray::of(x);
    const auto [least, greatest] = std::minmax_element(x.begin(), x.end());
    const auto first = [&x](auto found) { return std::find(x.begin(), x.end(), *found) - x.begin(); };
    EXPECT_EQ(min(a).item<T>(), *least) << what;
    EXPECT_EQ(max(a).item<T>(), *greatest) << what;
    EXPECT_EQ(argmin(a).item<std::int64_t>(), first(least)) << what;
    EXPECT_EQ(argmax(a).item<std::int64_t>(), first(greatest)) << what;
  };
  check("finite");
  x[4000] = most;
  x[4001] = most;
  check("a sum that is an infinity");
  x[3000] = -infinity;
  check("one infinity");
  x[4500] = infinity;
  check("both");
  x[2222] = std::numeric_limits<T>::quiet_NaN();
  const NdArray a = NdArray::of(x);
  EXPECT_TRUE(std::isnan(min(a).item<T>()));
  EXPECT_TRUE(std::isnan(max(a).item<T>()));
  EXPECT_EQ(argmin(a).item<std::int64_t>(), 2222);
  EXPECT_EQ(argmax(a).item<std::int64_t>(), 2222);
}

TEST(Reductions, ExtremesOfManyFloatsAreFoundBesideInfinitiesAndNaN) {
  expect_extremes_as_one_by_one<double>();
  expect_extremes_as_one_by_one<float>();
}

TEST(Fourier, LinesSideBySideAreTransformedAsByDefinition) {
  for (const auto dtype : {DType::complex128, DType::complex64})
    for (const std::int64_t n : {1, 8, 15, 28, 100})
      for (const std::int64_t lines : {1, 3, 4, 9, 16, 21}) {
        const auto part = [&](std::uint32_t stream) {
          return random::draw(random::distribution("normal", {0, 1}), {5, stream}, {lines, n});
        };
        const auto x = add(part(0), multiply(part(1), Scalar(std::complex<double>(0, 1)))).astype(dtype);
        const auto turns = multiply(arange(std::int64_t{0}, n).reshape({n, 1}), arange(std::int64_t{0}, n));
        const auto roots = exp(multiply(turns, Scalar(std::complex<double>(0, -2 * M_PI / static_cast<double>(n)))));
        const auto expected = matmul(x, roots);
        const double near = dtype == DType::complex64 ? 1e-4 : 1e-11;
        EXPECT_TRUE(allclose(fft::fft(x), expected, near, near)) << n << " elements, " << lines << " lines";
        EXPECT_TRUE(allclose(fft::fft(x.transpose().copy(), {}, 0), expected.transpose(), near, near))
            << n << " elements, " << lines << " lines, along the first axis";
        EXPECT_TRUE(allclose(fft::ifft(fft::fft(x)), x, near, near)) << n << " elements, " << lines << " lines, back";
        EXPECT_TRUE(allclose(fft::irfft(fft::rfft(x.real()), n), x.real(), near, near))
            << n << " real elements, " << lines << " lines, back";
      }
}

}  // namespace
}  // namespace troupe::nd
