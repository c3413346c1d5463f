#pragma once

#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "collections/ndarray/elementwise.hpp"
#include "collections/ndarray/indexing.hpp"
#include "collections/ndarray/ndarray.hpp"
#include "collections/ndarray/reductions.hpp"

/// What a line of cases says: a function and its arguments, as compare_numpy.py writes them.
namespace troupe::nd::eval {

/// One argument: a letter for its type, a colon, and its value.
///   A:3;::2,1:;1,0  array 3 of the directory, sliced along each axis, with its axes in another order
///   S:i:5  S:f:1.5  S:c:1,2  S:b:1   a weak number
///   I:5  F:1.5  L:1,2  G:0.5,1  T:text  N:
class Arguments {
public:
  Arguments(std::string directory, std::vector<std::string> tokens)
      : directory_(std::move(directory)), tokens_(std::move(tokens)) {}

  [[nodiscard]] std::size_t size() const { return tokens_.size(); }
  [[nodiscard]] bool none(std::size_t i) const { return i >= tokens_.size() || tokens_[i][0] == 'N'; }
  [[nodiscard]] NdArray array(std::size_t i) const;
  [[nodiscard]] Argument argument(std::size_t i) const;
  [[nodiscard]] std::int64_t integer(std::size_t i, std::int64_t otherwise = 0) const;
  [[nodiscard]] double real(std::size_t i, double otherwise = 0) const;
  [[nodiscard]] std::vector<std::int64_t> integers(std::size_t i) const;
  [[nodiscard]] std::vector<double> reals(std::size_t i) const;
  [[nodiscard]] std::string text(std::size_t i, const std::string& otherwise = "") const;
  [[nodiscard]] std::optional<int> axis(std::size_t i) const;
  [[nodiscard]] Axes axes(std::size_t i) const;
  [[nodiscard]] std::optional<NdArray> maybe_array(std::size_t i) const;
  [[nodiscard]] std::vector<NdArray> arrays_from(std::size_t i) const;
  /// axis, keepdims, dtype, ddof.
  [[nodiscard]] Over over(std::size_t i) const;
  [[nodiscard]] Index index_from(std::size_t i) const;

private:
  [[nodiscard]] std::string value(std::size_t i, char type) const;

  std::string directory_;
  std::vector<std::string> tokens_;
};

/// The main of a program that runs the cases in DIRECTORY/cases.txt: `answer` says "ok" with the number of results,
/// "refused" or "failed" with why, or "no such function". All results go to DIRECTORY/results.npys, one npy after the
/// other, and what was answered, a line a case, to DIRECTORY/said.txt.
int run_cases(
    int argc, char** argv,
    const std::function<std::string(const std::string& name, const Arguments&, std::ostream& results)>& answer);
void write_npy(const NdArray& array, std::ostream& out);

using Results = std::vector<NdArray>;
using Functions = std::map<std::string, std::function<Results(const Arguments&)>>;

void add_elementwise(Functions& functions);
void add_reductions(Functions& functions);
void add_shapes(Functions& functions);
void add_sorting(Functions& functions);
void add_algebra(Functions& functions);

}  // namespace troupe::nd::eval
