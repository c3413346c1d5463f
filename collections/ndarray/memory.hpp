#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace troupe::nd {

/// Says for what there was none.
class NoMemory : public std::bad_alloc {
public:
  explicit NoMemory(std::string text) : text_(std::make_shared<const std::string>(std::move(text))) {}
  [[nodiscard]] const char* what() const noexcept override { return text_->c_str(); }

private:
  std::shared_ptr<const std::string> text_;  // copies of what is thrown may not throw
};

/// Memory for elements: 64-byte aligned, not cleared. Large pieces come from a stock of what was freed before, since
/// pages that the system has to clear cost more than most operations on them. Any thread may call these.
std::shared_ptr<void> allocate_elements(std::size_t bytes);
/// Gives the stock back to the system.
void release_stock();
/// The stock never holds more than this; 0 keeps none. The default is 256 MiB.
void set_stock_limit(std::size_t bytes);
std::size_t stock_bytes();

}  // namespace troupe::nd
