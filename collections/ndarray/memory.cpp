#include "collections/ndarray/memory.hpp"

#include <sys/mman.h>

#include <mutex>
#include <new>
#include <vector>

namespace troupe::nd {

namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t kept_from = std::size_t{1} << 16;
constexpr std::size_t huge_page = std::size_t{1} << 21;

struct Piece {
  void* memory{};
  std::size_t size{};
};

/// What was freed and not asked for again yet, the oldest first. Few pieces, all large: a list is searched quickly.
class Stock {
public:
  void* take(std::size_t size) {
    std::lock_guard lock(mutex_);
    for (auto i = pieces_.size(); i-- > 0;) {
      if (pieces_[i].size != size) continue;
      void* memory = pieces_[i].memory;
      pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(i));
      bytes_ -= size;
      return memory;
    }
    return nullptr;
  }

  void give(void* memory, std::size_t size) {
    std::lock_guard lock(mutex_);
    pieces_.push_back({memory, size});
    bytes_ += size;
    shrink();
  }

  void set_limit(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    limit_ = bytes;
    shrink();
  }

  void clear() {
    std::lock_guard lock(mutex_);
    const auto limit = limit_;
    limit_ = 0;
    shrink();
    limit_ = limit;
  }

  std::size_t bytes() {
    std::lock_guard lock(mutex_);
    return bytes_;
  }

private:
  void shrink() {
    std::size_t gone = 0;
    while (bytes_ > limit_) {
      bytes_ -= pieces_[gone].size;
      ::operator delete (pieces_[gone].memory,
                         std::align_val_t{pieces_[gone].size >= huge_page ? huge_page : alignment});
      ++gone;
    }
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(gone));
  }

  std::mutex mutex_;
  std::vector<Piece> pieces_;
  std::size_t bytes_{};
  std::size_t limit_{std::size_t{256} << 20};
};

/// Never destroyed: arrays may be, after everything else.
Stock& stock() {
  static Stock& stock = *new Stock;
  return stock;
}

/// Few sizes, so that pieces fit again: eight to each power of two.
std::size_t rounded(std::size_t bytes) {
  const std::size_t step = std::max(std::size_t{1} << 12, std::size_t{1} << (60 - __builtin_clzll(bytes)));
  return (bytes + step - 1) / step * step;
}

}  // namespace

std::shared_ptr<void> allocate_elements(std::size_t bytes) {
  if (bytes < kept_from) {
    void* memory = ::operator new (bytes == 0 ? 1 : bytes, std::align_val_t{alignment});
    return {memory, [](void* p) { ::operator delete (p, std::align_val_t{alignment}); }};
  }
  const auto size = rounded(bytes);
  void* memory = stock().take(size);
  if (!memory) {
    memory = ::operator new (size, std::align_val_t{size >= huge_page ? huge_page : alignment});
    if (size >= huge_page) ::madvise(memory, size & ~(huge_page - 1), MADV_HUGEPAGE);
  }
  return {memory, [size](void* p) { stock().give(p, size); }};
}

void release_stock() { stock().clear(); }
void set_stock_limit(std::size_t bytes) { stock().set_limit(bytes); }
std::size_t stock_bytes() { return stock().bytes(); }

}  // namespace troupe::nd
