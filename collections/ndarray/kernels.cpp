#include "collections/ndarray/kernels.hpp"

#include "protocol/error.hpp"

namespace troupe::nd {

Kernel kernel_of(Op op, DType loop) {
  if (const auto kernel = detail::arithmetic_kernel(op, loop)) return kernel;
  if (const auto kernel = detail::logic_kernel(op, loop)) return kernel;
  if (const auto kernel = detail::math_kernel(op, loop)) return kernel;
  // Powers of floats are math, of integers are here.
  if (const auto kernel = detail::integer_kernel(op, loop)) return kernel;
  const auto kernel = detail::scalar_kernel(op, loop);
  TROUPE_ASSERT(kernel != nullptr, name_of(op));
  return kernel;
}

}  // namespace troupe::nd
