#include "collections/bag/shuffle.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "collections/compute.hpp"

namespace troupe::bag_detail {

bool shuffles_on_disk(Shuffle how) {
  if (how != Shuffle::automatic) return how == Shuffle::disk;
  const auto kind = resolved({}).scheduler;
  return kind == SchedulerKind::threads || kind == SchedulerKind::sync;
}

std::uint32_t partitions_wanted(std::size_t asked, std::size_t there_are) {
  const auto wanted = asked != 0 ? asked : std::max<std::size_t>(1, there_are);
  if (wanted > std::numeric_limits<std::uint32_t>::max() / 2)
    throw InvalidRequest("Bag::groupby: " + std::to_string(wanted) + " partitions are too many");
  return static_cast<std::uint32_t>(wanted);
}

Stages::Stages(std::uint64_t partitions, std::uint32_t branches) {
  if (branches < 2) throw InvalidRequest("Bag::groupby: max_branch has to be at least 2");
  const auto reaches = [partitions](std::uint64_t digit, std::uint32_t digits) {
    std::uint64_t numbers = 1;
    for (; digits > 0 && numbers < partitions; --digits) numbers *= digit;
    return numbers >= partitions;
  };
  while (!reaches(branches, count)) ++count;
  base = 1;
  while (!reaches(base, count)) ++base;
}

NamelessFile::NamelessFile() {
  const char* set = std::getenv("TMPDIR");
  std::string path = set != nullptr && *set != '\0' ? set : "/tmp";
  descriptor_ = ::open(path.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor_ < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {  // a file system without files that have no name
    path += "/troupe-shuffle-XXXXXX";
    descriptor_ = ::mkostemp(path.data(), O_CLOEXEC);
    if (descriptor_ >= 0) ::unlink(path.c_str());
  }
  if (descriptor_ < 0)
    throw std::runtime_error("shuffle: no file can be made in " + path + ": " + std::strerror(errno) +
                             "; set TMPDIR to a directory with room, or shuffle by tasks");
}

NamelessFile::~NamelessFile() { ::close(descriptor_); }

SpillRecord NamelessFile::append(const Value& value) {
  const auto record = write_spill_record(descriptor_, size_, {}, value.encode());
  if (!record) throw std::runtime_error("shuffle: " + record.error().text);
  size_ = record->offset + record->length;
  return *record;
}

Value NamelessFile::read(const SpillRecord& record) const {
  auto encoded = read_spill_record(descriptor_, record, {});
  if (!encoded) throw std::runtime_error("shuffle: " + encoded.error().text);
  return Value::from_encoded(std::move(*encoded));
}

}  // namespace troupe::bag_detail
