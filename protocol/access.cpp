#include "protocol/access.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/json.hpp>

namespace troupe {
namespace {

constexpr std::size_t file_bytes_max = 64U << 10;
constexpr std::int64_t layout_version = 1;

class FileDescriptor {
public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

private:
  int fd_;
};

std::string system_text() { return std::error_code(errno, std::generic_category()).message(); }

Error cannot_write(const std::filesystem::path& path, std::string_view why) {
  return {ErrorKind::failed,
          fmt::format("cannot write the access file {}: {}; make the place writable, or name another one with "
                      "TROUPE_ACCESS_FILE",
                      path.string(), why)};
}

Error not_usable(const std::filesystem::path& path, std::string_view why) {
  return {ErrorKind::invalid, fmt::format("access file {}: {}", path.string(), why)};
}

/// Nobody else may be able to put another file in the place of ours.
Result<void> prepare_directory(const std::filesystem::path& path) {
  const auto directory = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  std::filesystem::path made;
  for (const auto& part : directory) {
    made /= part;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST && errno != EISDIR && errno != EROFS && errno != EACCES)
      return tl::unexpected(cannot_write(path, fmt::format("{}: {}", made.string(), system_text())));
  }
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return tl::unexpected(cannot_write(path, fmt::format("{} is no directory that can be made", directory.string())));
  const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
  const bool open_to_all = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (status.st_mode & S_ISVTX) == 0;
  if (!ours || open_to_all)
    return tl::unexpected(cannot_write(path, fmt::format("others can write into {}", directory.string())));
  return {};
}

Result<std::string> read_private_file(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0 && errno == ENOENT)
    return fail(ErrorKind::failed,
                fmt::format("no access file {}: start a scheduler on this machine, or name the file of a running one "
                            "with TROUPE_ACCESS_FILE",
                            path.string()));
  if (file.get() < 0) return tl::unexpected(not_usable(path, system_text()));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return tl::unexpected(not_usable(path, system_text()));
  if (!S_ISREG(status.st_mode)) return tl::unexpected(not_usable(path, "is not a regular file"));
  if (status.st_uid != ::geteuid())
    return tl::unexpected(not_usable(path, fmt::format("belongs to user {}, not to you ({}); copy it to a place of "
                                                       "your own if you trust it",
                                                       status.st_uid, ::geteuid())));
  if ((status.st_mode & 077) != 0)
    return tl::unexpected(not_usable(path, fmt::format("others can read or write it (mode {:04o}), so its keys are not "
                                                       "secret; start the scheduler anew, or run: chmod 600 {}",
                                                       status.st_mode & 07777, path.string())));
  if (static_cast<std::size_t>(status.st_size) > file_bytes_max)
    return tl::unexpected(not_usable(path, fmt::format("{} bytes are too many", status.st_size)));
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const auto part = ::read(file.get(), text.data() + got, text.size() - got);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return tl::unexpected(not_usable(path, system_text()));
    if (part == 0) break;
    got += static_cast<std::size_t>(part);
  }
  text.resize(got);
  return text;
}

/// Reads the fields of the file; remembers the first that is missing or wrong.
class Fields {
public:
  explicit Fields(const boost::json::object& object) : object_(object) {}

  std::string text(std::string_view field) {
    const auto* value = object_.if_contains({field.data(), field.size()});
    if (value == nullptr || !value->is_string()) return wrong(field), std::string{};
    return {value->get_string().data(), value->get_string().size()};
  }
  template <class T>
  T number(std::string_view field) {
    const auto* value = object_.if_contains({field.data(), field.size()});
    boost::json::error_code error;
    const T result = value == nullptr ? T{} : value->to_number<T>(error);
    if (value == nullptr || error) wrong(field);
    return result;
  }
  Secret secret(std::string_view field) {
    auto value = Secret::from_hex(text(field));
    if (!value || !*value) wrong(field);
    return value.value_or(Secret{});
  }
  Token token(std::string_view field) {
    const auto value = token_from_hex(text(field));
    if (!value || !*value) wrong(field);
    return value.value_or(Token{});
  }
  [[nodiscard]] const std::string& first_wrong() const { return first_wrong_; }

private:
  void wrong(std::string_view field) {
    if (first_wrong_.empty()) first_wrong_ = field;
  }

  const boost::json::object& object_;
  std::string first_wrong_;
};

std::string quoted(const std::string& text) { return boost::json::serialize(boost::json::string_view(text)); }

std::string to_json(const AccessFile& access) {
  return fmt::format(
      "{{\n"
      "  \"version\": {},\n"
      "  \"cluster\": \"{}\",\n"
      "  \"scheduler_address\": {},\n"
      "  \"http_address\": {},\n"
      "  \"pid\": {},\n"
      "  \"epoch\": {},\n"
      "  \"started_unix_ms\": {},\n"
      "  \"worker_key\": \"{}\",\n"
      "  \"client_key\": \"{}\",\n"
      "  \"http_token\": \"{}\"\n"
      "}}\n",
      layout_version, access.cluster.hex(), quoted(access.scheduler_address), quoted(access.http_address), access.pid,
      access.epoch.value, access.started_unix_ms, access.worker_key.reveal_hex(), access.client_key.reveal_hex(),
      access.http_token.reveal_hex());
}

Result<void> write_file(const std::filesystem::path& path, std::string_view text) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0 || ::fchmod(file.get(), 0600) != 0) return fail(ErrorKind::failed, system_text());
  while (!text.empty()) {
    const auto part = ::write(file.get(), text.data(), text.size());
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return fail(ErrorKind::failed, system_text());
    text.remove_prefix(static_cast<std::size_t>(part));
  }
  if (::fsync(file.get()) != 0) return fail(ErrorKind::failed, system_text());
  return {};
}

}  // namespace

AccessFile AccessFile::generate(const RandomSource& random) {
  AccessFile access;
  access.cluster = draw_token(random);
  random(std::as_writable_bytes(std::span(&access.epoch.value, 1)));
  access.epoch.value |= 1;  // 0 is none
  access.worker_key = Secret::draw(random);
  access.client_key = Secret::draw(random);
  access.http_token = Secret::draw(random);
  return access;
}

Result<AccessFile> AccessFile::read(const std::filesystem::path& path) {
  const auto text = read_private_file(path);
  if (!text) return tl::unexpected(text.error());
  static constexpr std::string_view remedy = "it is damaged; start the scheduler anew to write it again";
  boost::json::error_code error;
  const auto json = boost::json::parse(boost::json::string_view(*text), error);
  if (error || !json.is_object()) return tl::unexpected(not_usable(path, fmt::format("is not valid JSON: {}", remedy)));
  Fields fields(json.get_object());
  const auto version = fields.number<std::int64_t>("version");
  if (fields.first_wrong().empty() && version != layout_version)
    return tl::unexpected(not_usable(path, fmt::format("has layout version {}, this program reads {}: use the release "
                                                       "of Troupe that the scheduler runs",
                                                       version, layout_version)));
  AccessFile access;
  access.cluster = fields.token("cluster");
  access.scheduler_address = fields.text("scheduler_address");
  access.http_address = fields.text("http_address");
  access.pid = fields.number<std::uint64_t>("pid");
  access.epoch = {fields.number<std::uint64_t>("epoch")};
  access.started_unix_ms = fields.number<std::int64_t>("started_unix_ms");
  access.worker_key = fields.secret("worker_key");
  access.client_key = fields.secret("client_key");
  access.http_token = fields.secret("http_token");
  if (!fields.first_wrong().empty())
    return tl::unexpected(not_usable(path, fmt::format("'{}' is missing or wrong: {}", fields.first_wrong(), remedy)));
  return access;
}

Result<void> AccessFile::write(const std::filesystem::path& path) const {
  if (auto ready = prepare_directory(path); !ready) return ready;
  auto draft = path;
  draft += fmt::format(".{}.new", ::getpid());
  ::unlink(draft.c_str());  // left by a process of the same number that died
  if (auto written = write_file(draft, to_json(*this)); !written) {
    ::unlink(draft.c_str());
    return tl::unexpected(cannot_write(path, written.error().text));
  }
  if (::rename(draft.c_str(), path.c_str()) != 0) {
    const auto why = system_text();
    ::unlink(draft.c_str());
    return tl::unexpected(cannot_write(path, why));
  }
  return {};
}

std::filesystem::path default_access_path() {
  const auto variable = [](const char* name) -> std::string_view {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const auto path = variable("TROUPE_ACCESS_FILE"); !path.empty()) return path;
  if (const auto base = variable("XDG_RUNTIME_DIR"); !base.empty())
    return std::filesystem::path(base) / "troupe" / "access.json";
  if (const auto home = variable("HOME"); !home.empty())
    return std::filesystem::path(home) / ".local" / "state" / "troupe" / "access.json";
  return fmt::format("/tmp/troupe-{}/access.json", ::getuid());
}

std::optional<Token> token_from_hex(std::string_view hex) {
  if (hex.size() != 32) return {};
  Token token;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const char c = hex[i];
    std::uint64_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<std::uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<std::uint64_t>(c - 'a' + 10);
    } else {
      return {};
    }
    auto& half = i < 16 ? token.high : token.low;
    half = half << 4 | digit;
  }
  return token;
}

}  // namespace troupe
