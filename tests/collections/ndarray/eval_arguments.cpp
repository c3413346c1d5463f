#include "tests/collections/ndarray/eval_arguments.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

namespace troupe::nd::eval {

namespace {

std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::string part;
  std::istringstream in(text);
  while (std::getline(in, part, separator)) parts.push_back(part);
  if (!text.empty() && text.back() == separator) parts.emplace_back();
  return parts;
}

Slice slice_of(const std::string& text) {
  const auto parts = parts_of(text, ':');
  Slice slice;
  if (!parts.empty() && !parts[0].empty()) slice.start = std::stoll(parts[0]);
  if (parts.size() > 1 && !parts[1].empty()) slice.stop = std::stoll(parts[1]);
  if (parts.size() > 2 && !parts[2].empty()) slice.step = std::stoll(parts[2]);
  return slice;
}

NdArray load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return from_npy(std::as_bytes(std::span(text)));
}

}  // namespace

std::string Arguments::value(std::size_t i, char type) const {
  if (i >= tokens_.size() || tokens_[i][0] != type || tokens_[i][1] != ':')
    throw std::runtime_error("argument " + std::to_string(i) + " is not of type " + type);
  return tokens_[i].substr(2);
}

NdArray Arguments::array(std::size_t i) const {
  const auto parts = parts_of(value(i, 'A'), ';');
  NdArray array = load(directory_ + "/" + parts[0] + ".npy");
  if (parts.size() > 1 && !parts[1].empty()) {
    const auto slices = parts_of(parts[1], ',');
    for (std::size_t axis = 0; axis < slices.size(); ++axis) array = array.slice(axis, slice_of(slices[axis]));
  }
  if (parts.size() > 2 && !parts[2].empty()) {
    Axes order;
    for (const auto& axis : parts_of(parts[2], ',')) order.push_back(std::stoi(axis));
    array = array.transpose(order);
  }
  return array;
}

Argument Arguments::argument(std::size_t i) const {
  if (tokens_.at(i)[0] == 'A') return array(i);
  const auto parts = parts_of(value(i, 'S'), ':');
  if (parts[0] == "i")
    return parts[1][0] != '-' && parts[1].size() > 18 ? Scalar(std::stoull(parts[1])) : Scalar(std::stoll(parts[1]));
  if (parts[0] == "b") return Scalar(parts[1] == "1");
  if (parts[0] == "f") return Scalar(std::stod(parts[1]));
  const auto both = parts_of(parts[1], ',');
  return Scalar(std::complex<double>(std::stod(both[0]), std::stod(both[1])));
}

std::int64_t Arguments::integer(std::size_t i, std::int64_t otherwise) const {
  return none(i) ? otherwise : std::stoll(value(i, 'I'));
}
double Arguments::real(std::size_t i, double otherwise) const { return none(i) ? otherwise : std::stod(value(i, 'F')); }
std::string Arguments::text(std::size_t i, const std::string& otherwise) const {
  return none(i) ? otherwise : value(i, 'T');
}

std::vector<std::int64_t> Arguments::integers(std::size_t i) const {
  std::vector<std::int64_t> list;
  if (!none(i))
    for (const auto& part : parts_of(value(i, 'L'), ',')) list.push_back(std::stoll(part));
  return list;
}

std::vector<double> Arguments::reals(std::size_t i) const {
  std::vector<double> list;
  if (!none(i))
    for (const auto& part : parts_of(value(i, 'G'), ',')) list.push_back(std::stod(part));
  return list;
}

std::optional<int> Arguments::axis(std::size_t i) const {
  return none(i) ? std::nullopt : std::optional(static_cast<int>(integer(i)));
}

Axes Arguments::axes(std::size_t i) const {
  Axes axes;
  for (const auto axis : integers(i)) axes.push_back(static_cast<int>(axis));
  return axes;
}

std::optional<NdArray> Arguments::maybe_array(std::size_t i) const {
  return none(i) ? std::nullopt : std::optional(array(i));
}

std::vector<NdArray> Arguments::arrays_from(std::size_t i) const {
  std::vector<NdArray> arrays;
  for (; i < size(); ++i) arrays.push_back(array(i));
  return arrays;
}

Over Arguments::over(std::size_t i) const {
  Over over;
  if (!none(i)) over.axis = axes(i);
  over.keepdims = integer(i + 1) != 0;
  if (!none(i + 2)) over.dtype = dtype_named(text(i + 2));
  over.ddof = real(i + 3);
  return over;
}

Index Arguments::index_from(std::size_t i) const {
  Index index;
  for (; i < size(); ++i) {
    switch (tokens_[i][0]) {
      case 'I': index.emplace_back(integer(i)); break;
      case 'A': index.emplace_back(array(i)); break;
      case 'N': index.emplace_back(NewAxis{}); break;
      case 'E': index.emplace_back(Ellipsis{}); break;
      default: index.emplace_back(slice_of(value(i, 'C')));
    }
  }
  return index;
}

void write_npy(const NdArray& array, std::ostream& out) {
  const auto bytes = npy_bytes(array);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

int run_cases(
    int argc, char** argv,
    const std::function<std::string(const std::string& name, const Arguments&, std::ostream& results)>& answer) {
  if (argc != 2) {
    std::cerr << "Usage: " << argv[0] << " DIRECTORY\n";
    return 2;
  }
  const std::string directory = argv[1];
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
    auto text = answer(tokens[0], Arguments(directory, {tokens.begin() + 1, tokens.end()}), results);
    std::replace(text.begin(), text.end(), '\n', ' ');
    said << text << '\n';
  }
  return said.flush() && results.flush() ? 0 : 1;
}

}  // namespace troupe::nd::eval
