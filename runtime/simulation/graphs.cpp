#include "runtime/simulation/graphs.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "runtime/simulation/random.hpp"

namespace troupe::simulation {
namespace {

/// Bits of an act's `other`.
namespace shape_bit {
constexpr std::uint32_t kind = 7;  // three bits
constexpr std::uint32_t all_wanted = 8;
constexpr std::uint32_t goes_on = 16;
constexpr std::uint32_t shared = 32;
constexpr std::uint32_t restricted = 64;
constexpr std::uint32_t urgent = 128;
constexpr std::uint32_t timed = 256;
constexpr std::uint32_t chunked = 512;
constexpr std::uint32_t arguments = 1024;
constexpr std::uint32_t two_templates = 2048;
}  // namespace shape_bit

/// Inputs of task i of n, all below i.
void draw_inputs(std::uint32_t kind, std::uint32_t i, std::uint32_t n, Random& random,
                 std::vector<std::uint32_t>& out) {
  const std::uint32_t half = n / 2;
  switch (kind) {
    case 0:  // chain
      if (i > 0) out.push_back(i - 1);
      return;
    case 1: return;  // independent
    case 2:          // random, narrow
    case 3: {        // random, wide
      for (auto count = random.below(kind == 2 ? 3 : 6); i > 0 && count > 0; --count)
        out.push_back(static_cast<std::uint32_t>(random.below(i)));
      return;
    }
    case 4:  // reduction
      if (i > half)
        for (std::uint32_t k = 0; k < 2; ++k) out.push_back(std::min(2 * (i - half - 1) + k, i - 1));
      return;
    case 5:  // one, many, one
      if (i > 0 && i + 1 < n) out.push_back(0);
      if (i > 0 && i + 1 == n)
        for (std::uint32_t k = i > 1 ? 1 : 0; k < i; ++k) out.push_back(k);
      return;
    case 6:  // all to all
      if (i >= half)
        for (std::uint32_t k = 0; k < std::min(half, 12U); ++k) out.push_back(k);
      return;
    default:  // stencil, four wide
      if (i >= 4)
        for (std::uint32_t k = i - 4 > 0 ? i - 5 : 0; k <= std::min(i - 3, i - 1); ++k) out.push_back(k);
      return;
  }
}

TaskTemplate draw_template(const Options& o, std::uint32_t shape, std::uint32_t which, Random& random) {
  TaskTemplate task;
  task.function.name = which == 0 ? "f" : "g" + std::to_string(random.below(3));
  task.prefix = task.function.name;
  Annotations& a = task.annotations;
  a.retries = static_cast<std::uint16_t>(random.below(static_cast<std::uint64_t>(o.retries) + 1));
  a.run_ahead = o.run_ahead;
  if ((shape & shape_bit::urgent) != 0) a.priority = static_cast<std::int32_t>(random.between(0, 2)) - 1;
  if ((shape & shape_bit::timed) != 0)
    a.timeout_ms = std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::milliseconds>(o.unit / 4).count());
  if (o.restricted && (shape & shape_bit::restricted) != 0) {
    // What is asked for is there once all first workers are up.
    if (random() % 2 == 0) {
      a.workers = {"h" + std::to_string(random.between(1, o.workers))};
      a.allow_other_workers = random() % 2 == 0;
    } else {
      a.resources = {{"gpu", static_cast<double>(random.between(1, 2))}};
    }
  }
  return task;
}

void add_inputs(GraphChunk& chunk, const std::vector<std::uint32_t>& inputs) {
  chunk.dependencies.insert(chunk.dependencies.end(), inputs.begin(), inputs.end());
  chunk.dependency_offsets.push_back(static_cast<std::uint32_t>(chunk.dependencies.size()));
}

void draw_wanted(GraphChunk& chunk, bool all, Random& random) {
  chunk.all_wanted = all;
  if (all) return;
  for (std::uint32_t i = 0; i + 1 < chunk.size; ++i)
    if (random() % 6 == 0) chunk.wanted.push_back(i);
  chunk.wanted.push_back(chunk.size - 1);
}

void draw_arguments(GraphChunk& chunk, Random& random) {
  std::string text;
  chunk.argument_offsets = {0};
  for (std::uint32_t i = 0; i < chunk.size; ++i) {
    text.append(random.below(20), 'a');
    chunk.argument_offsets.push_back(static_cast<std::uint32_t>(text.size()));
  }
  chunk.arguments = Bytes::own(std::move(text));
}

}  // namespace

SimValue value_of(std::uint64_t salt, std::uint32_t index, const std::vector<SimValue>& inputs) {
  SimValue value = mix(salt, index, inputs.size());
  for (const SimValue input : inputs) value = mix(value, input);
  return value;
}

std::uint64_t bytes_of(SimValue value) { return value % 16 == 0 ? 1 + mix(value) % 2'000'000 : 1 + mix(value) % 2000; }

std::vector<PlannedChunk> plan_graph(const Options& options, std::uint32_t size, std::uint32_t shape,
                                     std::uint64_t salt, std::uint64_t page, const std::vector<EarlierKey>& earlier) {
  const bool shared = (shape & shape_bit::shared) != 0;
  if (shared) salt = mix(options.seed, salt % 3);  // few names, so that graphs of several clients meet
  Random random(mix(salt, 4));
  const std::uint32_t pieces = (shape & shape_bit::chunked) != 0 && size >= 4 && !shared ? 2 : 1;
  if (shared) size = static_cast<std::uint32_t>(random.between(1, 12));
  std::vector<PlannedChunk> plan;
  std::uint32_t done = 0;
  for (std::uint32_t piece = 0; piece < pieces; ++piece) {
    PlannedChunk part;
    part.salt = mix(salt, piece);
    part.chunk = std::make_shared<GraphChunk>();
    GraphChunk& chunk = *part.chunk;
    chunk.size = piece + 1 < pieces ? size / 2 : size - done;
    const std::uint32_t templates = (shape & shape_bit::two_templates) != 0 ? 2 : 1;
    for (std::uint32_t t = 0; t < templates; ++t) chunk.templates.push_back(draw_template(options, shape, t, random));
    if (templates > 1)
      for (std::uint32_t i = 0; i < chunk.size; ++i)
        chunk.template_of.push_back(static_cast<std::uint16_t>(random() % templates));
    std::vector<SimValue> outside;
    const auto lean_on = [&](const EarlierKey& key) {
      chunk.external.push_back(key.key);
      outside.push_back(key.value);
    };
    if (piece > 0) {
      for (const std::uint32_t held : plan.back().held)
        lean_on({ClientKey::of(page + piece - 1, held), plan.back().expected[held]});
    } else if ((shape & shape_bit::goes_on) != 0 && !shared && !earlier.empty()) {
      lean_on(earlier[random.below(earlier.size())]);
    }
    chunk.dependency_offsets = {0};
    for (std::uint32_t i = 0; i < chunk.size; ++i) {
      std::vector<std::uint32_t> inputs;
      draw_inputs(shape & shape_bit::kind, i, chunk.size, random, inputs);
      if (!outside.empty() && (i == 0 || random() % 4 == 0))
        inputs.push_back(chunk.size + static_cast<std::uint32_t>(random.below(outside.size())));
      add_inputs(chunk, inputs);
      std::vector<SimValue> values;
      for (const std::uint32_t input : inputs)
        values.push_back(input < chunk.size ? part.expected[input] : outside[input - chunk.size]);
      part.expected.push_back(value_of(part.salt, i, values));
    }
    draw_wanted(chunk, (shape & shape_bit::all_wanted) != 0, random);
    if ((shape & shape_bit::arguments) != 0) draw_arguments(chunk, random);
    if (shared) part.token = {options.seed, salt % 1000 + 1};
    if (piece + 1 < pieces)
      for (std::uint32_t i = 0; i < chunk.size; i += 2) part.held.push_back(i);
    done += chunk.size;
    plan.push_back(std::move(part));
  }
  return plan;
}

}  // namespace troupe::simulation
