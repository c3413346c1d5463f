#pragma once

#include <string>
#include <string_view>

#include "protocol/span.hpp"

namespace troupe {

/// A stretch of a program with a name. What its thread submits while it lives is known under that name, to log lines of
/// scheduler and workers, to the interface of the dashboard and to `troupe logs`, and so is what these tasks submit:
///
///   troupe::Span span("nightly");
///   auto future = client.submit<load>(path);
///
/// One that is made inside another has the name "outer/inner" and the same trace. Lives on the stack of one thread.
class Span {
public:
  /// `traceparent`: the header of W3C Trace Context that the program was called with, so that the cluster's part of a
  /// trace is found under its id; empty: the outer span's trace, or a new one. Throws InvalidRequest if it is none, or
  /// if the name is empty or too long.
  explicit Span(std::string_view name, std::string_view traceparent = {});
  ~Span();
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

  [[nodiscard]] const std::string& name() const { return context_.name; }
  /// 32 hexadecimal digits.
  [[nodiscard]] std::string trace_id() const { return context_.trace.hex(); }

  /// Of the calling thread; null: it is in none.
  [[nodiscard]] static const SpanContext* current();

private:
  SpanContext context_;
  const SpanContext* outer_;
};

}  // namespace troupe
