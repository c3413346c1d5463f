#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/exec/module.hpp"

/// Functions of many shapes, in a header that several sources and a shared library include.
namespace shapes {

/// Counts what happens to its objects.
struct Counted {
  static inline std::atomic<int> copies = 0;
  static inline std::atomic<int> moves = 0;
  int number{};

  Counted() = default;
  explicit Counted(int n) : number(n) {}
  Counted(const Counted& other) : number(other.number) { ++copies; }
  Counted(Counted&& other) noexcept : number(other.number) { ++moves; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
};

double add(double a, double b);
std::int64_t address_of(const Counted& object);
int by_value(Counted object);
int by_move(Counted&& object);
double sum(const std::vector<double>& numbers) noexcept;
double sum_all(const std::map<std::string, std::vector<double>>& numbers, std::pair<int, double> more,
               std::optional<double> maybe);
std::string greet(const std::string& name, int times);
void nothing();
void throw_runtime_error(const std::string& text);
void throw_nested();
void throw_number();
bool wait_for_stop();
std::uint64_t who_am_i();
double unlisted(double x);

}  // namespace shapes
TROUPE_FIELDS(shapes::Counted, number)

TROUPE_MODULE(demo, shapes::add, shapes::address_of, shapes::by_value, shapes::by_move, ::shapes::sum, shapes::sum_all,
              shapes::greet, shapes::nothing, shapes::throw_runtime_error, shapes::throw_nested, shapes::throw_number,
              shapes::wait_for_stop, shapes::who_am_i)
