#include "runtime/exec/running_page.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe {
namespace {

constexpr std::uint64_t page_magic = 0x3130'6547'6150'7254;  // "TrPaGe01"

Error system_error(const char* what) {
  return Error{ErrorKind::failed, fmt::format("running page: {}: {}", what, std::strerror(errno))};
}

}  // namespace

struct RunningPage::Layout {
  std::uint64_t magic{};
  std::uint64_t unused{};
  std::array<Slot, slots> table;
};

Result<RunningPage> RunningPage::create() {
  const int fd = ::memfd_create("troupe-running", 0);
  if (fd < 0) return tl::unexpected(system_error("memfd_create"));
  if (::ftruncate(fd, sizeof(Layout)) != 0) {
    const auto error = system_error("ftruncate");
    ::close(fd);
    return tl::unexpected(error);
  }
  void* memory = ::mmap(nullptr, sizeof(Layout), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    const auto error = system_error("mmap");
    ::close(fd);
    return tl::unexpected(error);
  }
  auto* layout = static_cast<Layout*>(memory);  // zero, which is an empty page but for:
  layout->magic = page_magic;
  return RunningPage(fd, layout);
}

Result<RunningPage> RunningPage::open(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return tl::unexpected(system_error("inherited descriptor"));
  if (status.st_size != static_cast<off_t>(sizeof(Layout)))
    return fail(ErrorKind::invalid,
                fmt::format("running page: descriptor {} has {} bytes, not {}", fd, status.st_size, sizeof(Layout)));
  void* memory = ::mmap(nullptr, sizeof(Layout), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return tl::unexpected(system_error("mmap"));
  auto* layout = static_cast<Layout*>(memory);
  if (layout->magic != page_magic) {
    ::munmap(memory, sizeof(Layout));
    return fail(ErrorKind::invalid, fmt::format("running page: descriptor {} is no page of ours", fd));
  }
  return RunningPage(fd, layout);
}

RunningPage::RunningPage(RunningPage&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), layout_(std::exchange(other.layout_, nullptr)) {}

RunningPage& RunningPage::operator=(RunningPage&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(layout_, other.layout_);
  return *this;
}

RunningPage::~RunningPage() {
  if (layout_) ::munmap(layout_, sizeof(Layout));
  if (fd_ >= 0) ::close(fd_);
}

RunningPage::Slot& RunningPage::slot(std::uint32_t index) {
  TROUPE_ASSERT(index < slots, "running page: no such slot");
  return layout_->table[index];
}

std::vector<RunningPage::Running> RunningPage::running() const {
  std::vector<Running> found;
  for (const Slot& slot : layout_->table) {
    const auto task = slot.task.load(std::memory_order_acquire);
    if (task != 0) found.push_back({TaskId{task}, RunId{slot.run.load(std::memory_order_relaxed)}});
  }
  return found;
}

void RunningPage::clear() {
  for (Slot& slot : layout_->table) slot.leave();
}

}  // namespace troupe
