// ndarray_eval DIRECTORY: runs the cases in DIRECTORY/cases.txt.
#include "actors/errors.hpp"
#include "tests/collections/ndarray/eval_arguments.hpp"

int main(int argc, char** argv) {
  using namespace troupe;
  using namespace troupe::nd::eval;
  Functions functions;
  add_elementwise(functions);
  add_reductions(functions);
  add_shapes(functions);
  add_sorting(functions);
  add_algebra(functions);
  return run_cases(argc, argv, [&](const std::string& name, const Arguments& arguments, std::ostream& out) {
    const auto found = functions.find(name);
    if (found == functions.end()) return std::string("no such function");
    try {
      const auto arrays = found->second(arguments);
      for (const auto& array : arrays) write_npy(array, out);
      return "ok " + std::to_string(arrays.size());
    } catch (const InvalidRequest& error) {
      return std::string("refused ") + error.what();
    } catch (const std::exception& error) {
      return std::string("failed ") + error.what();
    }
  });
}
