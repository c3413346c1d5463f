// Submits calls of the module's functions to the cluster whose access file it is given, or to this user's own.
//
//   worker_module_client [ACCESS_FILE]
#include <iostream>

#include "troupe/troupe.hpp"
#include "worker_module.hpp"

int main(int argc, char** argv) {
  try {
    troupe::Client client{"", {.access_file = argc > 1 ? argv[1] : ""}};
    auto loud = client.submit<text::upper>(std::string("what a worker loads, a client may call"));
    auto size = client.submit<text::length>(loud);
    std::cout << loud.get() << " (" << size.get() << " bytes)\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
