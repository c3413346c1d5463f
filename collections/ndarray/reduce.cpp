#include "collections/ndarray/reduce.hpp"

#include <algorithm>
#include <cstring>

#include "actors/errors.hpp"
#include "collections/ndarray/kernels.hpp"
#include "collections/ndarray/reduce_kernels.hpp"

namespace troupe::nd {

Reduced::Reduced(const Shape& shape, const std::optional<Axes>& axes, std::string_view call)
    : shape_(shape), reduced_(shape.size(), !axes) {
  if (axes)
    for (const auto axis : *axes) {
      const auto i = normal_axis(axis, shape.size(), call);
      if (reduced_[i]) throw InvalidRequest(std::string(call) + ": axis " + std::to_string(axis) + " is named twice");
      reduced_[i] = true;
    }
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (reduced_[i]) count_ *= shape[i];
}

Shape Reduced::shape(bool keepdims) const {
  Shape shape;
  for (std::size_t i = 0; i < shape_.size(); ++i) {
    if (!reduced_[i])
      shape.push_back(shape_[i]);
    else if (keepdims)
      shape.push_back(1);
  }
  return shape;
}

namespace {

struct Dim {
  std::int64_t extent;
  std::int64_t stride;         ///< in the array
  std::int64_t result_stride;  ///< in the result
};

/// Neighbours that are walked through as one become one.
void merge(std::vector<Dim>& dims) {
  std::vector<Dim> merged;
  for (const auto& dim : dims) {
    if (dim.extent == 1) continue;
    if (!merged.empty() && merged.back().stride == dim.stride * dim.extent &&
        merged.back().result_stride == dim.result_stride * dim.extent)
      merged.back() = {merged.back().extent * dim.extent, dim.stride, dim.result_stride};
    else
      merged.push_back(dim);
  }
  dims = std::move(merged);
}

/// Counts through the indices of some axes, with the offsets that go with them.
struct Odometer {
  explicit Odometer(std::span<const Dim> counted) : dims(counted), index(counted.size(), 0) {}
  bool advance() {
    for (std::size_t i = dims.size(); i-- > 0;) {
      offset += dims[i].stride;
      result_offset += dims[i].result_stride;
      if (++index[i] < dims[i].extent) return true;
      offset -= dims[i].stride * dims[i].extent;
      result_offset -= dims[i].result_stride * dims[i].extent;
      index[i] = 0;
    }
    return false;
  }
  std::span<const Dim> dims;
  Shape index;
  std::int64_t offset{};
  std::int64_t result_offset{};
};

constexpr std::size_t strip = 1024;

/// One fold: the axes sorted into kept and reduced ones, and memory for a strip of each row at work.
class Folding {
public:
  Folding(Fold how, const NdArray& a, const Reduced& reduced, DType dtype, const NdArray* center)
      : item_(a.itemsize()), total_item_(size_of(dtype)), kernels_(fold_kernels(how, dtype)), data_(a.data()) {
    cast_ = a.dtype() != dtype ? cast_kernel(a.dtype(), dtype) : nullptr;
    if (center) center_ = center->data();
    NdArray result(reduced.shape(false), dtype);
    std::size_t kept = 0;
    for (std::size_t axis = 0; axis < a.ndim(); ++axis) {
      if (reduced.is_reduced(axis))
        reduced_.push_back({a.extent(axis), a.strides()[axis], 0});
      else
        kept_.push_back({a.extent(axis), a.strides()[axis], result.strides()[kept++]});
    }
    const auto farther = [](const Dim& x, const Dim& y) { return std::abs(x.stride) > std::abs(y.stride); };
    std::stable_sort(reduced_.begin(), reduced_.end(), farther);
    std::stable_sort(kept_.begin(), kept_.end(), farther);
    merge(reduced_);
    merge(kept_);
    alignas(16) std::byte identity[16];
    fold_identity(how, dtype, identity);
    fill(static_cast<std::size_t>(result.size()), identity, result.mutable_data(), total_item_);
    result_ = result;
    totals_ = result_.mutable_data();
  }

  NdArray run() {
    const bool lines =
        kept_.empty() || (!reduced_.empty() && std::abs(reduced_.back().stride) <= std::abs(kept_.back().stride) &&
                          (reduced_.back().extent >= 32 || reduced_.back().extent >= kept_.back().extent));
    lines ? run_lines() : run_rows();
    return result_;
  }

private:
  /// Strip of `n` elements from `from`, one after the other and of the type of the totals.
  const void* strip_of(std::size_t n, const std::byte* from, std::int64_t stride, std::size_t row) {
    const void* at = from;
    if (stride != static_cast<std::int64_t>(item_)) {
      gather(n, from, stride, collected_[row], item_);
      at = collected_[row];
    }
    if (!cast_) return at;
    cast_(n, &at, casted_[row]);
    return casted_[row];
  }

  void run_lines() {
    const Dim line = reduced_.empty() ? Dim{1, static_cast<std::int64_t>(item_), 0} : reduced_.back();
    const bool whole = !cast_ && line.stride == static_cast<std::int64_t>(item_);
    const std::span<const Dim> outer(reduced_.data(), reduced_.empty() ? 0 : reduced_.size() - 1);
    Odometer kept(kept_);
    do {
      auto* total = totals_ + kept.result_offset;
      const auto* center = center_ ? center_ + kept.result_offset : nullptr;
      Odometer at(outer);
      do {
        const auto* from = data_ + kept.offset + at.offset;
        if (whole) {
          kernels_.line(static_cast<std::size_t>(line.extent), from, center, total);
          continue;
        }
        for (std::int64_t done = 0; done < line.extent; done += strip) {
          const auto n = std::min(strip, static_cast<std::size_t>(line.extent - done));
          kernels_.line(n, strip_of(n, from + done * line.stride, line.stride, 0), center, total);
        }
      } while (at.advance());
    } while (kept.advance());
  }

  void run_rows() {
    const Dim row = kept_.back();
    const std::span<const Dim> outer(kept_.data(), kept_.size() - 1);
    const bool direct = row.result_stride == static_cast<std::int64_t>(total_item_);
    Odometer kept(outer);
    do {
      for (std::int64_t done = 0; done < row.extent; done += strip) {
        const auto n = std::min(strip, static_cast<std::size_t>(row.extent - done));
        auto* total = totals_ + kept.result_offset + done * row.result_stride;
        const auto* center = center_ ? center_ + kept.result_offset + done * row.result_stride : nullptr;
        auto* sums = total;
        if (!direct) {
          gather(n, total, row.result_stride, sums_, total_item_);
          sums = sums_;
          if (center) gather(n, center, row.result_stride, centers_, total_item_), center = centers_;
        }
        const void* rows[fold_rows_max];
        std::size_t count = 0;
        Odometer at(reduced_);
        bool more = true;
        while (more) {
          rows[count] = strip_of(n, data_ + kept.offset + at.offset + done * row.stride, row.stride, count);
          more = at.advance();
          if (++count < fold_rows_max && more) continue;
          kernels_.rows(n, count, rows, center, sums);
          count = 0;
        }
        if (!direct) scatter(n, sums, total, row.result_stride, total_item_);
      }
    } while (kept.advance());
  }

  std::size_t item_;
  std::size_t total_item_;
  FoldKernels kernels_;
  Kernel cast_{};
  const std::byte* data_;
  const std::byte* center_{};
  NdArray result_;
  std::byte* totals_{};
  std::vector<Dim> kept_;
  std::vector<Dim> reduced_;
  alignas(64) std::byte collected_[fold_rows_max][strip * 16];
  alignas(64) std::byte casted_[fold_rows_max][strip * 16];
  alignas(64) std::byte sums_[strip * 16];
  alignas(64) std::byte centers_[strip * 16];
};

}  // namespace

NdArray fold(Fold how, const NdArray& a, const Reduced& reduced, DType dtype, const NdArray* center) {
  NdArray centers;
  if (center) {
    centers = center->astype(dtype).contiguous();
    center = &centers;
  }
  if (a.size() == 0) {
    NdArray result(reduced.shape(false), dtype);
    alignas(16) std::byte identity[16];
    fold_identity(how, dtype, identity);
    fill(static_cast<std::size_t>(result.size()), identity, result.mutable_data(), size_of(dtype));
    return result;
  }
  return Folding(how, a, reduced, dtype, center).run();
}

}  // namespace troupe::nd
