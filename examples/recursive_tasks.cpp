// Tasks that submit tasks: a task that waits for others gives its slot away meanwhile, so one thread is enough.
#include <cstdint>
#include <iostream>

#include "troupe/troupe.hpp"

std::uint64_t queens(std::uint32_t size, std::uint32_t row, std::uint32_t columns, std::uint32_t left,
                     std::uint32_t right);
TROUPE_MODULE(chess, queens)

/// Ways to place queens on the rows from `row` on. Occupied columns and diagonals are bits. The first rows are tasks;
/// what is below them is small enough for a plain call.
std::uint64_t queens(std::uint32_t size, std::uint32_t row, std::uint32_t columns, std::uint32_t left,
                     std::uint32_t right) {
  if (row == size) return 1;
  constexpr std::uint32_t rows_as_tasks = 2;
  std::uint64_t ways = 0;
  std::vector<troupe::Future<std::uint64_t>> below;
  for (std::uint32_t free = ~(columns | left | right) & ((1U << size) - 1); free != 0; free &= free - 1) {
    const std::uint32_t place = free & -free;
    if (row < rows_as_tasks) {
      below.push_back(troupe::this_task::client().submit<queens>(size, row + 1, columns | place, (left | place) << 1,
                                                                 (right | place) >> 1));
    } else {
      ways += queens(size, row + 1, columns | place, (left | place) << 1, (right | place) >> 1);
    }
  }
  for (const auto& each : below) ways += each.get();
  return ways;
}

int main(int argc, char** argv) {
  if (troupe::is_child(argc, argv)) return troupe::run_child(argc, argv, {chess});
  troupe::LocalCluster cluster{{.workers = 1, .modules = {chess}}};
  troupe::Client client{cluster};
  std::cout << "8 queens: " << client.submit<queens>(8U, 0U, 0U, 0U, 0U).get() << " ways\n";
}
