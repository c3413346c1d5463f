#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

namespace bare {

/// Cap'n Proto messages over a blocking socket, each behind its length in words. Owned by the one thread of a process
/// of the floor. Everything is reused: in steady state nothing is allocated.
class Channel {
public:
  explicit Channel(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
  }

  /// Builds a message into the outgoing bytes; `flush` sends them in one write.
  template <class Root, class Fill>
  void add(Fill fill) {
    capnp::MallocMessageBuilder builder(kj::arrayPtr(reinterpret_cast<capnp::word*>(scratch_.data()), scratch_.size()));
    fill(builder.template initRoot<Root>());
    auto segments = builder.getSegmentsForOutput();
    const std::size_t words = capnp::computeSerializedSizeInWords(segments);
    const std::size_t begin = outgoing_.size();
    outgoing_.resize(begin + 1 + words);
    std::memcpy(&outgoing_[begin], &words, sizeof(words));
    kj::ArrayOutputStream out(
        kj::arrayPtr(reinterpret_cast<kj::byte*>(&outgoing_[begin + 1]), words * sizeof(capnp::word)));
    capnp::writeMessage(out, segments);
  }

  void flush() {
    if (outgoing_.empty()) return;
    boost::asio::write(socket_, boost::asio::buffer(outgoing_));
    outgoing_.clear();
  }

  /// Waits for at least one message and hands `handle` each that has come. Throws when the other side is gone.
  template <class Root, class Handle>
  void receive(Handle handle) {
    std::size_t handled = 0;
    while (handled == 0) {
      if (incoming_.size() * sizeof(std::uint64_t) == end_) incoming_.resize(incoming_.size() * 2);
      char* bytes = reinterpret_cast<char*>(incoming_.data());
      end_ += socket_.read_some(boost::asio::buffer(bytes + end_, incoming_.size() * sizeof(std::uint64_t) - end_));
      const std::size_t words = end_ / sizeof(std::uint64_t);
      std::size_t begin = 0;
      while (begin < words && incoming_[begin] <= words - begin - 1) {
        const std::size_t size = incoming_[begin];
        capnp::FlatArrayMessageReader reader(
            kj::arrayPtr(reinterpret_cast<const capnp::word*>(&incoming_[begin + 1]), size));
        handle(reader.getRoot<Root>());
        begin += 1 + size;
        ++handled;
      }
      end_ -= begin * sizeof(std::uint64_t);
      std::memmove(bytes, &incoming_[begin], end_);
    }
  }

  boost::asio::ip::tcp::socket& socket() { return socket_; }

private:
  static constexpr std::size_t initial_words = 8192;

  boost::asio::ip::tcp::socket socket_;
  std::vector<std::uint64_t> scratch_ = std::vector<std::uint64_t>(initial_words);
  std::vector<std::uint64_t> outgoing_;
  std::vector<std::uint64_t> incoming_ = std::vector<std::uint64_t>(initial_words);
  std::size_t end_{};  ///< bytes of incoming_ that hold something
};

}  // namespace bare
