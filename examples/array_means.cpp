// The same program text on the threads of this machine and on a cluster: means of every second row of a matrix and its
// transpose, and the singular values of a tall matrix.
#include <iostream>

#include "troupe/array.hpp"

using namespace troupe;
using array::slice;

namespace {

void show(const char* where) {
  array::Generator random(1);
  const Array x = random.normal(0, 1, {2000, 2000}, {.chunks = 500});
  const Array means = (x + x.T())[{slice({}, {}, 2)}].mean({.axis = 1});
  const Array tall = random.uniform(0, 1, {100'000, 8}, {.chunks = {10'000, 8}});
  const Array values = array::linalg::svd(tall).s;
  const auto [small, count] = compute((array::absolute(means) < 0.2).all(), (values > 0).sum());
  std::cout << where << ": " << small.item<bool>() << ' ' << count.item<int>() << '\n';
}

}  // namespace

int main() {
  show("threads");
  LocalCluster cluster({.workers = 2});
  const Client client(cluster);
  show("cluster");
}
