// Breaks each rule of check_purity.sh once, to show that it is noticed. Compiled, never run.

#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <random>
#include <thread>

namespace caf {
void send();
}
namespace boost::asio {
void run();
}
namespace capnp {
void read();
}
extern "C" int SSL_connect(void* connection);  // NOLINT(readability-identifier-naming)

long break_every_rule() {
  std::random_device dice;
  std::thread([] {}).join();
  std::ofstream file("impure");
  caf::send();
  boost::asio::run();
  capnp::read();
  return std::chrono::steady_clock::now().time_since_epoch().count() + dice() + ::socket(AF_INET, SOCK_STREAM, 0) +
         SSL_connect(nullptr);
}
