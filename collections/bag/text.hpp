#pragma once

#include <string>

#include "collections/bag/bag.hpp"

namespace troupe {

/// A bag of vectors of strings that were split: flattening it needs no vectors.
class SplitBag : public Bag<std::vector<std::string>> {
public:
  SplitBag(Bag<std::vector<std::string>> bag, Bag<std::string> whole, std::string separator)
      : Bag(std::move(bag)), whole_(std::move(whole)), separator_(std::move(separator)) {}

  [[nodiscard]] Bag<std::string> flatten() const {
    std::vector<ExpressionRef> made;
    for (const auto& each : whole_.partitions())
      made.push_back(bag_detail::staged<std::string, bag_detail::Pieces>(
          {each}, [&](ArgumentWriter& out) { out.write<std::string>(separator_); }));
    return Bag<std::string>(std::move(made));
  }

private:
  Bag<std::string> whole_;
  std::string separator_;
};

/// What can be done with bags of text, as methods: each is a map, or for what is true or false of text still a map.
template <>
class TextOf<std::string> {
public:
  explicit TextOf(Bag<std::string> bag) : bag_(std::move(bag)) {}

  [[nodiscard]] auto lower() const { return bag_.map(terms::lower(terms::_1)); }
  [[nodiscard]] auto upper() const { return bag_.map(terms::upper(terms::_1)); }
  [[nodiscard]] auto strip() const { return bag_.map(terms::strip(terms::_1)); }
  [[nodiscard]] auto lstrip() const { return bag_.map(terms::lstrip(terms::_1)); }
  [[nodiscard]] auto rstrip() const { return bag_.map(terms::rstrip(terms::_1)); }
  [[nodiscard]] auto size() const { return bag_.map(terms::size(terms::_1)); }
  [[nodiscard]] auto integer() const { return bag_.map(terms::integer(terms::_1)); }
  [[nodiscard]] auto real() const { return bag_.map(terms::real(terms::_1)); }
  [[nodiscard]] auto contains(const std::string& part) const { return bag_.map(terms::contains(terms::_1, part)); }
  [[nodiscard]] auto startswith(const std::string& part) const { return bag_.map(terms::startswith(terms::_1, part)); }
  [[nodiscard]] auto endswith(const std::string& part) const { return bag_.map(terms::endswith(terms::_1, part)); }
  /// Texts that fit a shell pattern.
  [[nodiscard]] auto match(const std::string& pattern) const { return bag_.filter(terms::match(terms::_1, pattern)); }
  [[nodiscard]] auto replace(const std::string& part, const std::string& by) const {
    if (part.empty()) throw InvalidRequest("replace: the text to be replaced is empty");
    return bag_.map(terms::replace(terms::_1, part, by));
  }
  /// The words of all texts: runs of ASCII letters, in lower case.
  [[nodiscard]] Bag<std::string> words() const {
    std::vector<ExpressionRef> made;
    for (const auto& each : bag_.partitions())
      made.push_back(bag_detail::staged<std::string, bag_detail::Words>({each}, bag_detail::no_arguments));
    return Bag<std::string>(std::move(made));
  }
  /// At white space, or at a separator.
  [[nodiscard]] SplitBag split(const std::string& separator = {}) const {
    return {bag_.map(terms::split(terms::_1, separator)), bag_, separator};
  }

private:
  Bag<std::string> bag_;
};

}  // namespace troupe
