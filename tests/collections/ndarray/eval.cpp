// ndarray_eval DIRECTORY: runs the cases in DIRECTORY/cases.txt. All results go to DIRECTORY/results.npys, one npy after
// the other; a line for each case says how many are its own, or what was wrong with it.
#include <fstream>
#include <iostream>

#include "actors/errors.hpp"
#include "tests/collections/ndarray/eval_arguments.hpp"

int main(int argc, char** argv) {
  using namespace troupe;
  using namespace troupe::nd::eval;
  if (argc != 2) {
    std::cerr << "Usage: ndarray_eval DIRECTORY\n";
    return 2;
  }
  const std::string directory = argv[1];
  Functions functions;
  add_elementwise(functions);
  add_reductions(functions);
  add_shapes(functions);
  add_sorting(functions);
  add_algebra(functions);
  std::ifstream cases(directory + "/cases.txt");
  std::ofstream results(directory + "/results.npys", std::ios::binary);
  std::ofstream said(directory + "/said.txt");
  std::string line;
  while (std::getline(cases, line)) {
    std::vector<std::string> tokens;
    for (std::size_t begin = 0; begin <= line.size();) {
      const auto end = std::min(line.find('\t', begin), line.size());
      tokens.push_back(line.substr(begin, end - begin));
      begin = end + 1;
    }
    const auto found = functions.find(tokens[0]);
    if (found == functions.end()) {
      said << "no such function\n";
      continue;
    }
    try {
      const auto arrays = found->second(Arguments(directory, {tokens.begin() + 1, tokens.end()}));
      for (const auto& array : arrays) {
        const auto bytes = nd::npy_bytes(array);
        results.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      }
      said << "ok " << arrays.size() << '\n';
    } catch (const InvalidRequest& error) {
      said << "refused " << error.what() << '\n';
    } catch (const std::exception& error) {
      said << "failed " << error.what() << '\n';
    }
  }
  return said.flush() && results.flush() ? 0 : 1;
}
