// A tree of additions: each row adds the neighbours of the one below, until one number is left.
#include <iostream>
#include <vector>

#include "troupe/delayed.hpp"

int load(int i) { return i; }
int add(int a, int b) { return a + b; }
TROUPE_MODULE(reduction, load, add)

int work() {
  std::vector<troupe::Delayed<int>> row;
  for (int i = 1; i <= 100; ++i) row.push_back(troupe::delayed<load>(i));
  while (row.size() > 1) {
    std::vector<troupe::Delayed<int>> next;
    for (std::size_t i = 0; i + 1 < row.size(); i += 2) next.push_back(troupe::delayed<add>(row[i], row[i + 1]));
    if (row.size() % 2 == 1) next.push_back(row.back());
    row = std::move(next);
  }
  return row.front().compute();
}

int main() {
  std::cout << "threads: " << work() << '\n';
  troupe::LocalCluster cluster{{.workers = 2, .modules = {reduction}}};
  troupe::Client client{cluster};
  std::cout << "cluster: " << work() << '\n';
}
