#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collections/bag/parts.hpp"
#include "collections/bag/sampling.hpp"
#include "collections/delayed.hpp"
#include "collections/expression.hpp"

/// Writes the pipelines that a bag is made of.
namespace troupe::bag_detail {

inline constexpr auto no_arguments = [](ArgumentWriter&) {};

inline ExpressionRef finish(PipelineWriter& writer) {
  return make_call(detail::pipeline_site, nullptr, writer.finish());
}
inline auto naming(std::span<const ExpressionRef> inputs) {
  return [inputs](ArgumentWriter& out) {
    for (const auto& each : inputs) out.dependencies.push_back(name_of(each));
  };
}

/// The elements of all inputs through a stage.
template <class T, class P, class Write>
ExpressionRef staged(const std::vector<ExpressionRef>& inputs, const Write& write) {
  PipelineWriter writer;
  writer.part<Elements<T>>(naming(inputs));
  writer.part<P>(write);
  writer.part<Collect<typename P::Gives>>();
  return finish(writer);
}
/// What a source gives of its inputs, as a vector.
template <class Source, class Write = decltype(no_arguments)>
ExpressionRef gather(const std::vector<ExpressionRef>& inputs, const Write& write = no_arguments) {
  PipelineWriter writer;
  writer.part<Source>([&](ArgumentWriter& out) {
    write(out);
    naming(inputs)(out);
  });
  writer.part<Collect<typename Source::Gives>>();
  return finish(writer);
}

// ---- reductions ----------------------------------------------------------------------------------------------------

template <class A>
using ResultOf = decltype(std::declval<A&>().result());

/// States merged in groups of neighbours until one is left, which is the result.
template <class A, class Write>
ExpressionRef merge_states(std::vector<ExpressionRef> states, unsigned split_every, const Write& write) {
  if (split_every < 2) throw InvalidRequest("Bag: split_every has to be at least 2");
  while (states.size() > 1) {
    std::vector<ExpressionRef> merged;
    const bool last = states.size() <= split_every;
    for (std::size_t first = 0; first < states.size(); first += split_every) {
      const auto group = std::span(states).subspan(first, std::min<std::size_t>(split_every, states.size() - first));
      PipelineWriter writer;
      writer.part<Inputs<typename A::State>>(naming(group));
      writer.part<Merge<A>>([&](ArgumentWriter& out) {
        out.write<bool>(last);
        write(out);
      });
      merged.push_back(finish(writer));
    }
    states = std::move(merged);
  }
  return std::move(states.front());
}

/// One value as the only input of an accumulator.
template <class A>
ExpressionRef reduce_input(const ExpressionRef& value, bool last) {
  PipelineWriter writer;
  writer.part<Inputs<typename A::Input>>(naming({&value, 1}));
  writer.part<Reduce<A>>([&](ArgumentWriter& out) { out.write<bool>(last); });
  return finish(writer);
}

template <class T, class A, class Write>
Delayed<ResultOf<A>> reduced(const std::vector<ExpressionRef>& partitions, unsigned split_every, const Write& write) {
  std::vector<ExpressionRef> states;
  states.reserve(partitions.size());
  const auto reduce = [&](std::span<const ExpressionRef> inputs) {
    PipelineWriter writer;
    writer.part<Elements<T>>(naming(inputs));
    writer.part<Reduce<A>>([&](ArgumentWriter& out) {
      out.write<bool>(partitions.size() <= 1);
      write(out);
    });
    states.push_back(finish(writer));
  };
  for (const auto& each : partitions) reduce({&each, 1});
  if (partitions.empty()) reduce({});
  return Delayed<ResultOf<A>>(merge_states<A>(std::move(states), split_every, write));
}

// ---- partitions ----------------------------------------------------------------------------------------------------

template <class T>
std::vector<ExpressionRef> repartitioned(const std::vector<ExpressionRef>& partitions, std::size_t wanted) {
  const auto have = partitions.size();
  if (wanted == have) return partitions;
  std::vector<ExpressionRef> made;
  if (have == 0) {
    for (std::size_t i = 0; i < wanted; ++i) made.push_back(make_value(Value::make(std::vector<T>{})));
  } else if (wanted < have) {
    for (std::size_t i = 0; i < wanted; ++i) {
      const auto begin = partitions.begin() + static_cast<std::ptrdiff_t>(have * i / wanted);
      const auto end = partitions.begin() + static_cast<std::ptrdiff_t>(have * (i + 1) / wanted);
      made.push_back(end - begin == 1 ? *begin : gather<Elements<T>>({begin, end}));
    }
  } else {
    for (std::size_t i = 0; i < have; ++i) {
      const std::uint64_t pieces = wanted * (i + 1) / have - wanted * i / have;
      for (std::uint64_t piece = 0; piece < pieces; ++piece)
        made.push_back(pieces == 1 ? partitions[i] : gather<Slice<T>>({partitions[i]}, [&](ArgumentWriter& out) {
          out.write<std::uint64_t>(piece);
          out.write<std::uint64_t>(pieces);
        }));
    }
  }
  return made;
}

template <class T>
std::vector<ExpressionRef> repartitioned_to_bytes(const std::vector<ExpressionRef>& partitions, std::uint64_t bytes,
                                                  const ComputeOptions& options) {
  std::vector<ExpressionRef> measured;
  for (const auto& each : partitions) {
    PipelineWriter writer;
    writer.part<Elements<T>>(naming({&each, 1}));
    writer.part<Reduce<MemoryOf<T>>>([](ArgumentWriter& out) { out.write<bool>(true); });
    measured.push_back(finish(writer));
  }
  auto sizes = compute_expressions(measured, options);
  std::vector<ExpressionRef> made;
  std::vector<ExpressionRef> together;
  std::uint64_t together_bytes = 0;
  const auto flush = [&] {
    if (!together.empty()) made.push_back(together.size() == 1 ? together.front() : gather<Elements<T>>(together));
    together.clear();
    together_bytes = 0;
  };
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const auto size = detail::take_value<std::uint64_t>(sizes[i]);
    if (together_bytes + size > bytes) flush();
    if (size <= bytes) {
      together.push_back(partitions[i]);
      together_bytes += size;
      continue;
    }
    const auto pieces = repartitioned<T>({partitions[i]}, (size + bytes - 1) / bytes);
    made.insert(made.end(), pieces.begin(), pieces.end());
  }
  flush();
  return made;
}

/// The last element, or what was the last one before.
template <class T>
class Last final : public Receiver<T>, public OtherPart {
public:
  using Takes = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("last#");
    describe_types<T>(out);
  }
  explicit Last(ArgumentReader& arguments) : last_(arguments.read<std::optional<T>>()) {}
  void push(Passed<T> element) override { last_ = T(element); }
  void take(T&& element) override { last_ = std::move(element); }
  Value result() override { return Value::make(std::move(last_)); }

private:
  std::optional<T> last_;
};

template <class T>
Delayed<std::optional<T>> last_of(const ExpressionRef& partition,
                                  const std::optional<Delayed<std::optional<T>>>& before) {
  PipelineWriter writer;
  writer.part<Elements<T>>(naming({&partition, 1}));
  writer.part<Last<T>>([&](ArgumentWriter& out) {
    if (before)
      out.write<std::optional<T>>(*before);
    else
      out.write<std::optional<T>>(std::optional<T>{});
  });
  return Delayed<std::optional<T>>(finish(writer));
}

template <class T>
std::vector<T> concatenated(std::vector<Value> values) {
  if (values.size() == 1) return detail::take_value<std::vector<T>>(values.front());
  std::vector<T> all;
  for (auto& value : values) {
    auto part = detail::take_value<std::vector<T>>(value);
    value.reset();
    all.insert(all.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
  }
  return all;
}

}  // namespace troupe::bag_detail
