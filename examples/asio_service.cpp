// A service with a Boost.Asio loop of its own: a line of numbers comes in, their sum of squares, computed by the cluster,
// goes out. The loop never blocks: results come back to it through its executor, and so does the news that the cluster
// has stopped.
//
//   asio_service            serves on a free port of 127.0.0.1 until it is told to stop (Ctrl-C)
//   asio_service --once     asks itself one question, prints the answer and ends
#include <boost/asio.hpp>
#include <iostream>
#include <memory>
#include <sstream>

#include "troupe/troupe.hpp"

double square(double x) { return x * x; }
double add(double a, double b) { return a + b; }
TROUPE_MODULE(numbers, square, add)

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

/// How Troupe reaches the loop: work it is given is posted there, as any handler of the service's own.
troupe::Executor on(const asio::any_io_executor& executor) {
  return [executor](std::function<void()> work) { asio::post(executor, std::move(work)); };
}

/// One connection: question, answer, next. Lives as long as something is under way for it.
class Session : public std::enable_shared_from_this<Session> {
public:
  Session(tcp::socket socket, troupe::Client& client) : socket_(std::move(socket)), client_(client) {}

  void read() {
    asio::async_read_until(socket_, asio::dynamic_buffer(input_, 64 << 10), '\n',
                           [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
                             if (!error) self->compute(size);
                           });
  }

private:
  void compute(std::size_t size) {
    std::istringstream line(input_.substr(0, size));
    input_.erase(0, size);
    std::vector<double> values;
    for (double value; line >> value;) values.push_back(value);
    if (values.empty()) return write("error: a line of numbers, please\n");
    auto squares = client_.map<square>(values);
    // What follows runs on the service's loop; the value is there already, so that get() does not wait.
    client_.reduce<add>(squares).then(
        [self = shared_from_this()](const troupe::Future<double>& sum) {
          try {
            std::ostringstream text;
            text << sum.get() << '\n';
            self->write(text.str());
          } catch (const std::exception& error) {
            self->write(std::string("error: ") + error.what() + '\n');
          }
        },
        on(socket_.get_executor()));
  }

  void write(std::string text) {
    output_ = std::move(text);
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        if (!error) self->read();
                      });
  }

  tcp::socket socket_;
  troupe::Client& client_;
  std::string input_;
  std::string output_;
};

void accept(tcp::acceptor& acceptor, troupe::Client& client) {
  acceptor.async_accept([&](boost::system::error_code error, tcp::socket socket) {
    if (error) return;
    std::make_shared<Session>(std::move(socket), client)->read();
    accept(acceptor, client);
  });
}

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {numbers});
  asio::io_context loop;  // before the client, so that it outlives the last result that is posted to it
  troupe::LocalCluster cluster{{.workers = 2, .modules = {numbers}}};
  troupe::Client client{cluster};

  tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
  accept(acceptor, client);
  // The loop goes on while the cluster finishes what runs and stops; then it ends too, and its connections with it.
  const auto stop = [&] {
    acceptor.close();
    cluster.async_stop([&] { loop.stop(); }, on(loop.get_executor()));
  };
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (!error) stop();
  });

  tcp::socket asker(loop);
  std::string answer;
  if (argc == 2 && std::string_view(argv[1]) == "--once") {
    asker.connect(acceptor.local_endpoint());
    asio::write(asker, asio::buffer(std::string_view("1 2 3\n")));
    asio::async_read_until(asker, asio::dynamic_buffer(answer), '\n', [&](boost::system::error_code, std::size_t) {
      std::cout << "1 2 3 -> " << answer;
      stop();
    });
  } else {
    std::cout << "serving on " << acceptor.local_endpoint() << std::endl;
  }
  loop.run();
  std::cout << "stopped\n";
}
