#include "collections/picture.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <map>

#include <fmt/format.h>

namespace troupe {
namespace {

/// Colours that people with any kind of eyes tell apart (Okabe and Ito, 2008), light enough for black text.
constexpr std::array<const char*, 7> kinds{"#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#999999"};

/// From cold to warm; `share` is between 0 and 1.
std::string shade(double share) {
  const auto mix = [share](int from, int to) { return static_cast<int>(from + (to - from) * share + 0.5); };
  return fmt::format("#{:02x}{:02x}{:02x}", mix(0x9e, 0xfd), mix(0xca, 0x8d), mix(0xe1, 0x3c));
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default: result += c;
    }
  return result;
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

/// What a task calls; of a pipeline, for which there is one function, what it does.
std::string kind_of(const Expression& expression) {
  if (!expression.is_call()) return {};
  if (expression.site() == &detail::pipeline_site) return describe_pipeline(expression.arguments());
  return std::string(expression.site()->id.name);
}

class Picture {
public:
  Picture(std::span<const ExpressionRef> wanted, const PictureOptions& options)
      : options_(options), collected_(collect(wanted)), rank_(static_order(collected_.offsets, collected_.inputs)) {
    colour();
  }

  std::string dot() const {
    std::string text = "digraph troupe {\n";
    text += fmt::format("  rankdir={};\n  node [style=filled, shape=box, fontname=\"sans-serif\"];\n",
                        options_.left_to_right ? "LR" : "BT");
    for (std::uint32_t task = 0; task < collected_.size(); ++task)
      text += fmt::format("  {} [label={}, fillcolor=\"{}\"{}];\n", task, quoted(label(task)), colour_[task],
                          collected_.expressions[task]->is_call() ? "" : ", shape=ellipse");
    for (std::uint32_t task = 0; task < collected_.size(); ++task)
      for (const auto input : collected_.inputs_of(task)) text += fmt::format("  {} -> {};\n", input, task);
    return text + "}\n";
  }

  std::string svg() {
    place();
    double width = 0;
    double height = 0;
    for (std::uint32_t task = 0; task < collected_.size(); ++task) {
      width = std::max(width, x_[task] + box_width);
      height = std::max(height, y_[task] + box_height);
    }
    std::string text = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
        "{1:.0f}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n",
        width + margin, height + margin);
    for (std::uint32_t task = 0; task < collected_.size(); ++task)
      for (const auto input : collected_.inputs_of(task))
        text += fmt::format("<path d=\"M{:.1f} {:.1f} L{:.1f} {:.1f}\" stroke=\"#555\" fill=\"none\"/>\n", out_x(input),
                            out_y(input), in_x(task), in_y(task));
    for (std::uint32_t task = 0; task < collected_.size(); ++task)
      text += fmt::format(
          "<g><title>{0}</title><rect x=\"{1:.1f}\" y=\"{2:.1f}\" width=\"{3}\" height=\"{4}\" rx=\"{5}\" fill=\"{6}\" "
          "stroke=\"#333\"/><text x=\"{7:.1f}\" y=\"{8:.1f}\" text-anchor=\"middle\">{9}</text></g>\n",
          escaped(collected_.name(task)), x_[task], y_[task], box_width, box_height,
          collected_.expressions[task]->is_call() ? 3 : 15, colour_[task], x_[task] + box_width / 2,
          y_[task] + box_height / 2 + 4, escaped(shortened(label(task))));
    return text + "</svg>\n";
  }

private:
  static constexpr double box_width = 120;
  static constexpr double box_height = 30;
  static constexpr double gap = 24;
  static constexpr double margin = 12;

  [[nodiscard]] std::string label(std::uint32_t task) const {
    const auto name = collected_.expressions[task]->name();
    switch (options_.colour) {
      case PictureColour::kind: return name;
      case PictureColour::order: return fmt::format("{} #{}", name, rank_[task]);
      case PictureColour::age: return fmt::format("{} +{}", name, age_[task]);
    }
    return name;
  }
  static std::string shortened(const std::string& text) {
    constexpr std::size_t most = 18;
    return text.size() <= most ? text : "…" + text.substr(text.size() - most + 1);
  }

  void colour() {
    const auto size = collected_.size();
    age_.assign(size, 0);
    for (std::uint32_t task = 0; task < size; ++task)
      for (const auto input : collected_.inputs_of(task))
        age_[input] = std::max(age_[input], rank_[task] - rank_[input]);
    const auto oldest = std::max(1U, size == 0 ? 1U : *std::max_element(age_.begin(), age_.end()));
    std::map<std::string, std::size_t> seen;
    for (std::uint32_t task = 0; task < size; ++task) {
      const auto kind = kind_of(*collected_.expressions[task]);
      switch (options_.colour) {
        case PictureColour::kind: {
          const auto number = seen.try_emplace(kind, seen.size()).first->second;
          colour_.emplace_back(kinds[number % kinds.size()]);
          break;
        }
        case PictureColour::order: colour_.push_back(shade(size > 1 ? double(rank_[task]) / (size - 1) : 0)); break;
        case PictureColour::age: colour_.push_back(shade(double(age_[task]) / oldest)); break;
      }
    }
  }

  /// Rows by the longest path of inputs; in a row each as near as there is room to the middle of its inputs.
  void place() {
    const auto size = collected_.size();
    std::vector<std::uint32_t> row(size, 0);
    std::vector<std::vector<std::uint32_t>> rows;
    for (std::uint32_t task = 0; task < size; ++task) {
      for (const auto input : collected_.inputs_of(task)) row[task] = std::max(row[task], row[input] + 1);
      if (rows.size() <= row[task]) rows.resize(row[task] + 1);
      rows[row[task]].push_back(task);
    }
    std::vector<double> across(size, 0);
    const double step = (options_.left_to_right ? box_height : box_width) + gap;
    for (auto& tasks : rows) {
      std::map<std::uint32_t, double> middle;
      for (const auto task : tasks) {
        double sum = 0;
        const auto inputs = collected_.inputs_of(task);
        for (const auto input : inputs) sum += across[input];
        middle[task] = inputs.empty() ? double(rank_[task]) * step : sum / double(inputs.size());
      }
      std::stable_sort(tasks.begin(), tasks.end(), [&](auto a, auto b) { return middle[a] < middle[b]; });
      double next = margin;
      for (const auto task : tasks) {
        const bool free = collected_.inputs_of(task).empty();
        across[task] = free ? next : std::max(next, middle[task]);
        next = across[task] + step;
      }
    }
    x_.resize(size);
    y_.resize(size);
    for (std::uint32_t task = 0; task < size; ++task) {
      if (options_.left_to_right) {
        x_[task] = margin + row[task] * (box_width + 2 * gap);
        y_[task] = across[task];
      } else {
        x_[task] = across[task];
        y_[task] = margin + double(rows.size() - 1 - row[task]) * (box_height + 2 * gap);
      }
    }
  }
  [[nodiscard]] double out_x(std::uint32_t t) const {
    return x_[t] + (options_.left_to_right ? box_width : box_width / 2);
  }
  [[nodiscard]] double out_y(std::uint32_t t) const { return y_[t] + (options_.left_to_right ? box_height / 2 : 0); }
  [[nodiscard]] double in_x(std::uint32_t t) const { return x_[t] + (options_.left_to_right ? 0 : box_width / 2); }
  [[nodiscard]] double in_y(std::uint32_t t) const {
    return y_[t] + (options_.left_to_right ? box_height / 2 : box_height);
  }

  PictureOptions options_;
  Collected collected_;
  std::vector<std::uint32_t> rank_;
  std::vector<std::uint32_t> age_;
  std::vector<std::string> colour_;
  std::vector<double> x_;
  std::vector<double> y_;
};

}  // namespace

std::string picture_dot(std::span<const ExpressionRef> wanted, const PictureOptions& options) {
  return Picture(wanted, options).dot();
}

std::string picture_svg(std::span<const ExpressionRef> wanted, const PictureOptions& options) {
  return Picture(wanted, options).svg();
}

void write_picture(std::span<const ExpressionRef> wanted, const std::string& path, const PictureOptions& options) {
  const bool dot = path.ends_with(".dot");
  if (!dot && !path.ends_with(".svg"))
    throw InvalidRequest(fmt::format("visualize: '{}' ends neither in .dot nor in .svg", path));
  std::ofstream file(path);
  file << (dot ? picture_dot(wanted, options) : picture_svg(wanted, options));
  file.close();
  if (!file) throw Failure(ErrorKind::failed, fmt::format("visualize: cannot write '{}'", path));
}

}  // namespace troupe
