#include "collections/ndarray/dtype.hpp"

#include <gmock/gmock.h>

#include "actors/errors.hpp"

namespace troupe::nd {
namespace {

TEST(DType, NamesAndDescriptionsComeBack) {
  for (std::size_t i = 0; i < dtype_count; ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_named(name_of(dtype)), dtype);
    EXPECT_EQ(dtype_named(npy_descr(dtype)), dtype);
    EXPECT_EQ(dtype_named(npy_descr(dtype).substr(1)), dtype);
    visit_dtype(dtype, [&]<class T>() {
      EXPECT_EQ(dtype_of<T>, dtype);
      EXPECT_EQ(sizeof(T), size_of(dtype));
    });
  }
  EXPECT_EQ(dtype_named("double"), DType::float64);
  EXPECT_THROW(dtype_named(">f8"), InvalidRequest);
  EXPECT_THROW(dtype_named("float16"), InvalidRequest);
}

TEST(DType, PromotesAsNumPy2) {
  EXPECT_EQ(result_type(DType::int8, DType::uint8), DType::int16);
  EXPECT_EQ(result_type(DType::int64, DType::uint64), DType::float64);
  EXPECT_EQ(result_type(DType::int16, DType::float32), DType::float32);
  EXPECT_EQ(result_type(DType::int32, DType::float32), DType::float64);
  EXPECT_EQ(result_type(DType::complex64, DType::float64), DType::complex128);
  EXPECT_EQ(result_type(DType::complex64, DType::int32), DType::complex128);
  EXPECT_EQ(result_type(DType::complex64, DType::int16), DType::complex64);
  EXPECT_EQ(result_type(DType::bool_, DType::uint8), DType::uint8);
}

TEST(DType, AWeakNumberTakesOnTheTypeItMeets) {
  EXPECT_EQ(result_type(DType::uint8, Scalar(1)), DType::uint8);
  EXPECT_EQ(result_type(DType::float32, Scalar(1.5)), DType::float32);
  EXPECT_EQ(result_type(DType::int8, Scalar(1.5)), DType::float64);
  EXPECT_EQ(result_type(DType::bool_, Scalar(1)), DType::int64);
  EXPECT_EQ(result_type(DType::float32, Scalar(std::complex<double>(0, 1))), DType::complex64);
  EXPECT_EQ(result_type(DType::float32, Scalar(1.5).as(DType::float64)), DType::float64);
  EXPECT_THROW(result_type(DType::uint8, Scalar(256)), InvalidRequest);
  EXPECT_THROW(result_type(DType::uint8, Scalar(-1)), InvalidRequest);
}

TEST(DType, CastsAreSafeSameKindOrUnsafe) {
  EXPECT_TRUE(can_cast(DType::int32, DType::float64));
  EXPECT_FALSE(can_cast(DType::int64, DType::float32));
  EXPECT_TRUE(can_cast(DType::int64, DType::float32, Casting::same_kind));
  EXPECT_TRUE(can_cast(DType::float64, DType::float32, Casting::same_kind));
  EXPECT_FALSE(can_cast(DType::int8, DType::uint8, Casting::same_kind));
  EXPECT_FALSE(can_cast(DType::float64, DType::int64, Casting::same_kind));
  EXPECT_TRUE(can_cast(DType::float64, DType::int64, Casting::unsafe));
}

}  // namespace
}  // namespace troupe::nd
