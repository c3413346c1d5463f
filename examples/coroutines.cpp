// Coroutines: a request that needs several tasks, written from top to bottom, holding no thread while it waits.
#include <coroutine>
#include <future>
#include <iostream>

#include "troupe/troupe.hpp"

double price(int item) { return item * 1.5; }
double with_tax(double net) { return net * 1.2; }
double refuse(int item) { throw std::out_of_range("no item " + std::to_string(item)); }
TROUPE_MODULE(shop, price, with_tax, refuse)

/// The least that a coroutine needs to be started and left alone; a service has a type of its own for this.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached answer(troupe::Client& client, std::promise<double>& total) {
  double sum = 0;
  for (const int item : {1, 2, 3}) {
    auto net = client.submit<price>(item);         // both tasks are on their way before the first await
    sum += co_await client.submit<with_tax>(net);  // the net price never comes here
  }
  try {
    sum += co_await client.submit<refuse>(4);
  } catch (const troupe::TaskFailed& failed) {
    std::cout << "left out: " << failed.error().message << '\n';
  }
  total.set_value(sum);
}

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {shop});
  troupe::LocalCluster cluster{{.workers = 2, .modules = {shop}}};
  troupe::Client client{cluster};
  std::promise<double> total;
  answer(client, total);
  const double sum = total.get_future().get();
  std::cout << "total: " << sum << '\n';
}
