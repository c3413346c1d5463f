#include "apps/client_door.hpp"

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "apps/config_values.hpp"
#include "apps/node_door.hpp"

namespace troupe::apps {

namespace {

std::filesystem::path access_path(const Door& door) {
  return door.access_file.empty() ? default_access_path() : std::filesystem::path(door.access_file);
}

constexpr std::chrono::seconds quiet_for{2};
constexpr std::string_view what_to_do =
    "`troupe scheduler` starts one; --scheduler and --scheduler-file name another; --timeout says how long to look";

/// True if `address` is one of this machine's loopback, and free: found out without a word to whoever is there.
bool nobody_listens(const std::string& address) {
  if (address.find("://") == std::string::npos && address.find('/') != std::string::npos) return false;  // a file
  const HostPort where = parse_host_port(address, {}, "--scheduler");
  boost::system::error_code error;
  const auto host = boost::asio::ip::make_address(where.host, error);
  if (error || !host.is_loopback() || where.port == 0) return false;
  const boost::asio::ip::tcp::endpoint endpoint(host, where.port);
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor probe(context);
  probe.open(endpoint.protocol(), error);
  if (!error) probe.set_option(boost::asio::ip::tcp::acceptor::reuse_address(true), error);
  if (!error) probe.bind(endpoint, error);
  return !error;
}

}  // namespace

std::chrono::milliseconds connect_timeout(const Door& door) {
  auto timeout = door.timeout.empty() ? door.config().duration("comm.connect-timeout") : parse_duration(door.timeout);
  if (!timeout)
    throw CommandError(ExitCode::usage,
                       fmt::format("--timeout: '{}' is not a duration such as 5s", printable(door.timeout)));
  return std::chrono::ceil<std::chrono::milliseconds>(*timeout);
}

std::optional<AccessFile> find_access(const Door& door) {
  const auto path = access_path(door);
  if (door.access_file.empty() && !std::filesystem::exists(path)) return std::nullopt;
  auto access = AccessFile::read(path);
  if (!access) throw CommandError(ExitCode::authentication, access.error().text);
  return std::move(*access);
}

ClientOptions client_options(const Door& door) {
  if (!find_access(door))
    throw CommandError(
        ExitCode::authentication,
        fmt::format("{}: there is no access file; is a scheduler running here? On another machine, copy its access "
                    "file and name it with --scheduler-file",
                    access_path(door).string()));
  ClientOptions options;
  options.name = "troupe";
  options.access_file = access_path(door).string();
  options.timeout = connect_timeout(door);
  return options;
}

Connection::Connection(const Door& door) : timeout_(connect_timeout(door)) {
  const ClientOptions options = client_options(door);
  std::string address = door.scheduler;
  if (const auto access = find_access(door); access && address.empty()) address = access->scheduler_address;
  if (door.timeout.empty() && nobody_listens(address))
    throw CommandError(ExitCode::unreachable, fmt::format("nobody listens at {}: the scheduler has ended. {}",
                                                          printable(address), what_to_do));
  const auto patience = show_duration(timeout_);
  const std::jthread teller([&address, &patience](const std::stop_token& connected) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any condition;
    condition.wait_for(lock, connected, quiet_for, [] { return false; });
    if (!connected.stop_requested())
      tell(fmt::format("still looking for the scheduler at {}, until {} are over", printable(address), patience));
  });
  try {
    client_.emplace(door.scheduler, options);
  } catch (const Failure& failure) {
    if (failure.kind() != ErrorKind::disconnected) throw;
    throw CommandError(
        ExitCode::unreachable,
        fmt::format("{}. Is the scheduler running, and is it reached from here? {}", failure.what(), what_to_do));
  }
}

std::shared_ptr<const SchedulerSummary> Connection::summary() { return client_->scheduler_info(); }

QueryReply Connection::ask(Query query) {
  try {
    return client_->ask(std::move(query), timeout_);
  } catch (const InvalidRequest& error) {
    throw CommandError(ExitCode::not_found, error.what());
  }
}

std::optional<ExitCode> exit_code_of(const std::exception& error) {
  if (dynamic_cast<const TimeoutError*>(&error)) return ExitCode::timed_out;
  if (const auto* failure = dynamic_cast<const Failure*>(&error))
    return exit_code_of(Error{failure->kind(), failure->what()});
  return std::nullopt;
}

}  // namespace troupe::apps
