// A loop whose calls are put off: it builds a graph, in which what does not depend on each other runs at the same time.
// The same function computes on the threads of this machine, and on a cluster.
#include <iostream>
#include <vector>

#include "troupe/delayed.hpp"

int inc(int x) { return x + 1; }
int twice(int x) { return 2 * x; }
int sum(const std::vector<int>& values) {
  int total = 0;
  for (const int each : values) total += each;
  return total;
}
TROUPE_MODULE(loop, inc, twice, sum)

/// Even numbers are doubled, odd ones counted on: control flow on what is known stays an ordinary `if`.
int work() {
  std::vector<troupe::Delayed<int>> results;
  for (int i = 0; i < 11; ++i) {
    if (i % 2 == 0)
      results.push_back(troupe::delayed<twice>(i));
    else
      results.push_back(troupe::delayed<inc>(i));
  }
  return troupe::delayed<sum>(results).compute();
}

int main() {
  std::cout << "threads: " << work() << '\n';
  troupe::LocalCluster cluster{{.workers = 2, .modules = {loop}}};
  troupe::Client client{cluster};  // from now on this is where things are computed
  std::cout << "cluster: " << work() << '\n';
}
