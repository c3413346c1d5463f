// Makes what alerts are there for: tasks that fail, tasks that nobody may run, values that fill memory or can be lost.
//
//   fault_client ACCESS_FILE fail COUNT | stuck COUNT | hold COUNT BYTES [WORKER]
//
// Prints a line when it is so (with WORKER: when they are asked for), and keeps it so until its input ends.
#include <iostream>
#include <string>
#include <vector>

#include "tests/chaos/chaos_functions.hpp"
#include "troupe/troupe.hpp"

int main(int argc, char** argv) {
  if (argc < 4) return 64;
  const std::string what = argv[2];
  const auto count = std::stoul(argv[3]);
  troupe::Client client("", {.name = "faults", .access_file = argv[1]});
  std::vector<troupe::Future<std::uint64_t>> numbers;
  std::vector<troupe::Future<chaos::Block>> blocks;
  troupe::TaskOptions options;
  if (what == "stuck") options.workers = {"nobody"};
  if (argc > 5) options.workers = {argv[5]};
  for (std::uint64_t i = 0; i < count; ++i) {
    if (what == "fail")
      numbers.push_back(client.submit<chaos::refuse>(options, i));
    else if (what == "stuck")
      numbers.push_back(client.submit<chaos::step>(options, i));
    else
      blocks.push_back(client.submit<chaos::block>(options, i, std::uint64_t{std::stoull(argv[4]) / 8}));
  }
  if (what == "fail")
    for (const auto& each : numbers) try {
        (void)each.get();
      } catch (const troupe::Failure&) {
      }
  if (what == "hold" && options.workers.empty()) (void)client.wait(blocks);
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
  }
  return 0;
}
