// The most frequent words of text files: a chain of stages, which is one task for each block of a file.
// The same function computes on the threads of this machine, and on a cluster.
#include <filesystem>
#include <fstream>
#include <iostream>

#include <unistd.h>

#include "troupe/bag.hpp"

using namespace troupe::terms;

void print_words(const std::string& pattern) {
  const auto words = troupe::bag::read_text(pattern).str().lower().str().split().flatten();
  for (const auto& [word, count] : words.frequencies().topk(2, element<1>(_1)).compute())
    std::cout << ' ' << word << ' ' << count;
  std::cout << '\n';
}

int main() {
  const auto directory = std::filesystem::temp_directory_path() / ("bag_words_" + std::to_string(::getpid()));
  std::filesystem::create_directory(directory);
  std::ofstream(directory / "1.txt") << "The more the better\n";
  std::ofstream(directory / "2.txt") << "and the more\nthe merrier\n";

  std::cout << "threads:";
  print_words(directory / "*.txt");
  troupe::LocalCluster cluster{{.workers = 2}};
  {
    troupe::Client client{cluster};  // as long as it is open, this is where things are computed
    std::cout << "cluster:";
    print_words(directory / "*.txt");
  }
  std::filesystem::remove_all(directory);
}
