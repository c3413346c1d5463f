#include "tests/support/frame_proxy.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <future>
#include <list>
#include <thread>
#include <utility>
#include <vector>

#include "protocol/framing.hpp"

namespace troupe::testing {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t queued_bytes_max = 1U << 20;
constexpr std::size_t whole_frame_max = 256U << 10;  ///< larger ones pass in pieces, and are not tampered with

/// What holds for all connections of a proxy.
struct Weather {
  std::chrono::nanoseconds delay{};
  std::uint64_t bytes_per_second{};
  bool hole{};
  unsigned duplicate{};
  unsigned tear{};
  FrameProxy::Counts counts;
};

class Wire;

/// One direction of a connection.
class Pipe {
public:
  Pipe(Wire& wire, tcp::socket& from, tcp::socket& to, Weather& weather)
      : wire_(wire), from_(from), to_(to), weather_(weather), timer_(from.get_executor()) {}

  void read();
  void write();
  void stop() { timer_.cancel(); }
  /// What was held up by delays and limits goes now.
  void hurry() {
    last_due_ = {};
    for (auto& piece : queue_) piece.due = {};
    timer_.cancel();
  }
  [[nodiscard]] bool over() const { return ended_ && queue_.empty() && !writing_; }

private:
  struct Piece {
    Clock::time_point due;
    std::vector<char> bytes;
    bool cut{};  ///< the connection is reset behind it
  };

  void took(std::size_t count);
  bool take_frame();
  void emit(std::size_t count, bool cut = false);
  void passed();

  Wire& wire_;
  tcp::socket& from_;
  tcp::socket& to_;
  Weather& weather_;
  asio::steady_timer timer_;
  std::array<char, 16384> space_{};
  std::vector<char> in_;
  std::deque<Piece> queue_;
  std::size_t queued_bytes_{};
  std::size_t rest_of_frame_{};  ///< of a large one
  Clock::time_point last_due_{};
  bool raw_{};  ///< no frames any more: values, or a stranger
  bool reading_{};
  bool writing_{};
  bool waiting_{};
  bool ended_{};
};

class Wire : public std::enable_shared_from_this<Wire> {
public:
  Wire(tcp::socket accepted, Weather& weather)
      : source_(std::move(accepted)),
        target_(source_.get_executor()),
        weather_(weather),
        there_(*this, source_, target_, weather),
        back_(*this, target_, source_, weather) {}

  void connect(std::uint16_t port) {
    wanted_ = port;
    go_on();
  }
  /// Whatever waited for the weather.
  void go_on() {
    if (!open_ || deaf_ || weather_.hole) return;
    if (connected_) {
      for (Pipe* pipe : {&there_, &back_}) {
        pipe->read();
        pipe->write();
      }
    } else if (!std::exchange(connecting_, true)) {
      target_.async_connect(tcp::endpoint(asio::ip::address_v4::loopback(), wanted_),
                            [this, self = shared_from_this()](const error_code& failed) {
                              if (failed) return end();
                              connected_ = true;
                              go_on();
                            });
    }
  }
  void hurry() {
    there_.hurry();
    back_.hurry();
  }
  void reset() {
    if (!open_) return;
    ++weather_.counts.resets;
    abandon(source_);
    abandon(target_);
    end();
  }
  void half_open(FrameProxy::End gone) {
    if (!open_ || deaf_ || !connected_) return;
    ++weather_.counts.half_opened;
    deaf_ = true;
    const bool source = gone == FrameProxy::End::source;
    abandon(source ? source_ : target_);
    listen_in_vain(source ? target_ : source_);
  }
  void end() {
    if (!std::exchange(open_, false)) return;
    error_code ignored;
    source_.close(ignored);
    target_.close(ignored);
    there_.stop();
    back_.stop();
  }
  void side_ended(tcp::socket& to) {
    error_code ignored;
    to.shutdown(tcp::socket::shutdown_send, ignored);
    if (there_.over() && back_.over()) end();
  }
  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] bool deaf() const { return deaf_; }

private:
  static void abandon(tcp::socket& socket) {
    error_code ignored;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
  }
  /// Until that end, too, has understood.
  void listen_in_vain(tcp::socket& socket) {
    socket.async_read_some(asio::buffer(nothing_),
                           [this, self = shared_from_this(), &socket](const error_code& error, std::size_t) {
                             if (error && error != asio::error::operation_aborted) return end();
                             if (open_) listen_in_vain(socket);
                           });
  }

  tcp::socket source_;
  tcp::socket target_;
  Weather& weather_;
  Pipe there_;
  Pipe back_;
  std::array<char, 4096> nothing_{};
  std::uint16_t wanted_{};
  bool connecting_{};
  bool connected_{};
  bool deaf_{};
  bool open_{true};
};

void Pipe::read() {
  if (reading_ || ended_ || queued_bytes_ > queued_bytes_max) return;
  reading_ = true;
  from_.async_read_some(asio::buffer(space_),
                        [this, self = wire_.shared_from_this()](const error_code& error, std::size_t got) {
                          reading_ = false;
                          if (!wire_.open()) return;
                          // Asio tells the end to one reader only, and this one came before the one in vain.
                          if (wire_.deaf()) return error == asio::error::eof ? wire_.end() : void();
                          if (error && error != asio::error::eof) return wire_.end();
                          if (error) {
                            ended_ = true;
                            rest_of_frame_ = in_.size();
                            emit(in_.size());
                          } else {
                            took(got);
                          }
                          wire_.go_on();
                          if (over()) wire_.side_ended(to_);
                        });
}

void Pipe::took(std::size_t count) {
  in_.insert(in_.end(), space_.begin(), space_.begin() + static_cast<std::ptrdiff_t>(count));
  while (!in_.empty() && take_frame()) {
  }
}

/// False if more bytes are needed.
bool Pipe::take_frame() {
  if (raw_) {
    emit(in_.size());
    return true;
  }
  if (rest_of_frame_ > 0) {
    const auto part = std::min(rest_of_frame_, in_.size());
    rest_of_frame_ -= part;
    emit(part);
    return true;
  }
  if (in_.size() < FrameHeader::size) return false;
  std::array<std::byte, FrameHeader::size> bytes;
  std::copy_n(reinterpret_cast<const std::byte*>(in_.data()), bytes.size(), bytes.begin());
  const auto header = decode_header(bytes, FrameLimits::after_authentication);
  if (!header || header->kind == FrameKind::data) {
    raw_ = true;
    return true;
  }
  const std::size_t size = FrameHeader::size + header->payload_bytes;
  if (size > whole_frame_max) {
    rest_of_frame_ = size;
    ++weather_.counts.frames;
    return true;
  }
  if (in_.size() < size) return false;
  const bool message = header->kind == FrameKind::message;
  if (message && weather_.tear > 0) {
    --weather_.tear;
    ++weather_.counts.torn;
    emit(size / 2, true);
    in_.clear();
    return false;
  }
  if (message && weather_.duplicate > 0) {
    --weather_.duplicate;
    ++weather_.counts.duplicated;
    const std::vector<char> again(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(size));
    in_.insert(in_.begin(), again.begin(), again.end());
    emit(size);
  }
  ++weather_.counts.frames;
  emit(size);
  return true;
}

void Pipe::emit(std::size_t count, bool cut) {
  if (count == 0) return;
  auto due = std::max(last_due_, Clock::now() + weather_.delay);
  if (weather_.bytes_per_second > 0) due += std::chrono::nanoseconds(count * 1'000'000'000 / weather_.bytes_per_second);
  last_due_ = due;
  const auto end = in_.begin() + static_cast<std::ptrdiff_t>(count);
  queue_.push_back({due, {in_.begin(), end}, cut});
  in_.erase(in_.begin(), end);
  queued_bytes_ += count;
}

void Pipe::write() {
  if (writing_ || waiting_ || queue_.empty()) return;
  if (const auto due = queue_.front().due; due > Clock::now()) {
    waiting_ = true;
    timer_.expires_at(due);
    timer_.async_wait([this, self = wire_.shared_from_this()](const error_code&) {
      waiting_ = false;
      wire_.go_on();
    });
    return;
  }
  writing_ = true;
  asio::async_write(to_, asio::buffer(queue_.front().bytes),
                    [this, self = wire_.shared_from_this()](const error_code& error, std::size_t) {
                      writing_ = false;
                      if (!wire_.open() || wire_.deaf()) return;
                      if (error) return wire_.end();
                      passed();
                    });
}

void Pipe::passed() {
  const bool cut = queue_.front().cut;
  queued_bytes_ -= queue_.front().bytes.size();
  queue_.pop_front();
  if (cut) return wire_.reset();
  wire_.go_on();
  if (over()) wire_.side_ended(to_);
}

}  // namespace

struct FrameProxy::Core {
  explicit Core(std::uint16_t port) : acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), target(port) {
    accept();
    thread = std::thread([this] { io.run(); });
  }
  ~Core() {
    io.stop();
    thread.join();
  }

  void accept() {
    acceptor.async_accept([this](const error_code& error, tcp::socket socket) {
      if (error) return;
      ++weather.counts.connections;
      wires.remove_if([](const auto& wire) { return wire.expired(); });
      auto wire = std::make_shared<Wire>(std::move(socket), weather);
      wires.push_back(wire);
      if (weather.hole) held.push_back(wire);  // nothing else keeps it
      wire->connect(target);
      accept();
    });
  }
  void for_each(const std::function<void(Wire&)>& act) {
    for (const auto& weak : std::list(wires))
      if (const auto wire = weak.lock()) act(*wire);
  }
  void go_on() {
    for_each([](Wire& wire) { wire.go_on(); });
    held.clear();
  }

  Weather weather;
  asio::io_context io{1};
  tcp::acceptor acceptor;
  std::uint16_t target;
  std::list<std::weak_ptr<Wire>> wires;
  std::vector<std::shared_ptr<Wire>> held;  ///< came into a black hole
  std::thread thread;
};

FrameProxy::FrameProxy(std::uint16_t target) : core_(std::make_unique<Core>(target)) {}
FrameProxy::~FrameProxy() = default;

std::uint16_t FrameProxy::port() const { return core_->acceptor.local_endpoint().port(); }

void FrameProxy::tell(std::function<void(Core&)> act) const {
  std::promise<void> done;
  asio::post(core_->io, [&] {
    act(*core_);
    done.set_value();
  });
  done.get_future().wait();
}

void FrameProxy::set_target(std::uint16_t port) {
  tell([port](Core& core) { core.target = port; });
}
void FrameProxy::delay(std::chrono::milliseconds each_way) {
  tell([each_way](Core& core) { core.weather.delay = each_way; });
}
void FrameProxy::limit(std::uint64_t bytes_per_second) {
  tell([bytes_per_second](Core& core) { core.weather.bytes_per_second = bytes_per_second; });
}
void FrameProxy::black_hole(bool on) {
  tell([on](Core& core) {
    core.weather.hole = on;
    if (on) core.for_each([&](Wire& wire) { core.held.push_back(wire.shared_from_this()); });
    if (!on) core.go_on();
  });
}
void FrameProxy::reset() {
  tell([](Core& core) { core.for_each([](Wire& wire) { wire.reset(); }); });
}
void FrameProxy::half_open(End gone) {
  tell([gone](Core& core) { core.for_each([gone](Wire& wire) { wire.half_open(gone); }); });
}
void FrameProxy::duplicate_frame() {
  tell([](Core& core) { ++core.weather.duplicate; });
}
void FrameProxy::tear_frame() {
  tell([](Core& core) { ++core.weather.tear; });
}
void FrameProxy::heal() {
  tell([](Core& core) {
    core.weather.delay = {};
    core.weather.bytes_per_second = 0;
    core.weather.duplicate = 0;
    core.weather.tear = 0;
    core.weather.hole = false;
    core.for_each([](Wire& wire) { wire.hurry(); });
    core.go_on();
  });
}
FrameProxy::Counts FrameProxy::counts() const {
  Counts counts;
  tell([&](Core& core) {
    counts = core.weather.counts;
    core.for_each([&](const Wire& wire) { counts.open += wire.open() ? 1 : 0; });
  });
  return counts;
}

}  // namespace troupe::testing
