#include "collections/ndarray/counting.hpp"
#include "collections/ndarray/creation.hpp"
#include "collections/ndarray/joining.hpp"
#include "collections/ndarray/scans.hpp"
#include "tests/collections/ndarray/eval_arguments.hpp"

namespace troupe::nd::eval {

void add_elementwise(Functions& functions) {
  for (std::size_t i = 1; i < op_count; ++i) {
    const auto op = static_cast<Op>(i);
    functions[std::string(name_of(op))] = [op](const Arguments& in) -> Results {
      std::vector<Argument> arguments;
      for (std::size_t k = 0; k < in.size(); ++k) arguments.push_back(in.argument(k));
      return {nd::apply(op, arguments)};
    };
  }
  functions["astype"] = [](const Arguments& in) -> Results { return {in.array(0).astype(dtype_named(in.text(1)))}; };
  functions["round"] = [](const Arguments& in) -> Results {
    return {round(in.array(0), static_cast<int>(in.integer(1)))};
  };
  functions["isclose"] = [](const Arguments& in) -> Results {
    return {isclose(in.array(0), in.array(1), in.real(2, 1e-5), in.real(3, 1e-8), in.integer(4) != 0)};
  };
}

void add_reductions(Functions& functions) {
#define REDUCTION(name) \
  functions[#name] = [](const Arguments& in) -> Results { return {name(in.array(0), in.over(1))}; };
  REDUCTION(sum)
  REDUCTION(prod)
  REDUCTION(min)
  REDUCTION(max)
  REDUCTION(any)
  REDUCTION(all)
  REDUCTION(mean)
  REDUCTION(var)
  REDUCTION(std)
  REDUCTION(ptp)
  REDUCTION(count_nonzero)
  REDUCTION(nansum)
  REDUCTION(nanprod)
  REDUCTION(nanmin)
  REDUCTION(nanmax)
  REDUCTION(nanmean)
  REDUCTION(nanvar)
  REDUCTION(nanstd)
#undef REDUCTION
#define INDEX(name) \
  functions[#name] = [](const Arguments& in) -> Results { return {name(in.array(0), in.axis(1), in.integer(2) != 0)}; };
  INDEX(argmin)
  INDEX(argmax)
  INDEX(nanargmin)
  INDEX(nanargmax)
#undef INDEX
#define SCAN(name)                                                                                              \
  functions[#name] = [](const Arguments& in) -> Results {                                                       \
    return {name(in.array(0), in.axis(1), in.none(2) ? std::nullopt : std::optional(dtype_named(in.text(2))))}; \
  };
  SCAN(cumsum)
  SCAN(cumprod)
  SCAN(nancumsum)
  SCAN(nancumprod)
#undef SCAN
  functions["diff"] = [](const Arguments& in) -> Results {
    return {diff(in.array(0), static_cast<int>(in.integer(1, 1)), static_cast<int>(in.integer(2, -1)))};
  };
  functions["gradient"] = [](const Arguments& in) -> Results {
    return {gradient(in.array(0), in.real(1, 1), static_cast<int>(in.integer(2)), static_cast<int>(in.integer(3, 1)))};
  };
  const auto overlap = [](const std::string& text) {
    return text == "full" ? Overlap::full : text == "same" ? Overlap::same : Overlap::valid;
  };
  functions["convolve"] = [overlap](const Arguments& in) -> Results {
    return {convolve(in.array(0), in.array(1), overlap(in.text(2)))};
  };
  functions["correlate"] = [overlap](const Arguments& in) -> Results {
    return {correlate(in.array(0), in.array(1), overlap(in.text(2)))};
  };
  functions["interp"] = [](const Arguments& in) -> Results { return {interp(in.array(0), in.array(1), in.array(2))}; };
  functions["trapezoid"] = [](const Arguments& in) -> Results {
    return {trapezoid(in.array(0), in.real(1, 1), static_cast<int>(in.integer(2, -1)))};
  };
}

void add_shapes(Functions& functions) {
  functions["reshape"] = [](const Arguments& in) -> Results { return {in.array(0).reshape(in.integers(1))}; };
  functions["broadcast_to"] = [](const Arguments& in) -> Results { return {in.array(0).broadcast_to(in.integers(1))}; };
  functions["transpose"] = [](const Arguments& in) -> Results { return {in.array(0).transpose(in.axes(1))}; };
  functions["get_items"] = [](const Arguments& in) -> Results { return {get_items(in.array(0), in.index_from(1))}; };
  functions["set_items"] = [](const Arguments& in) -> Results {
    NdArray target = in.array(0).copy();
    set_items(target, in.index_from(2), in.array(1));
    return {target};
  };
  functions["take"] = [](const Arguments& in) -> Results {
    const auto mode = in.text(3, "raise");
    return {take(in.array(0), in.array(1), static_cast<int>(in.integer(2)),
                 mode == "raise"  ? Outside::raise
                 : mode == "wrap" ? Outside::wrap
                                  : Outside::clip)};
  };
  functions["take_along_axis"] = [](const Arguments& in) -> Results {
    return {take_along_axis(in.array(0), in.array(1), static_cast<int>(in.integer(2)))};
  };
  functions["compress"] = [](const Arguments& in) -> Results {
    return {compress(in.array(0), in.array(1), static_cast<int>(in.integer(2)))};
  };
  functions["masked"] = [](const Arguments& in) -> Results { return {masked(in.array(0), in.array(1))}; };
  functions["nonzero"] = [](const Arguments& in) -> Results { return nonzero(in.array(0)); };
  functions["argwhere"] = [](const Arguments& in) -> Results { return {argwhere(in.array(0))}; };
  functions["unravel_index"] = [](const Arguments& in) -> Results {
    return unravel_index(in.array(0), in.integers(1));
  };
  functions["concatenate"] = [](const Arguments& in) -> Results {
    return {concatenate(in.arrays_from(1), static_cast<int>(in.integer(0)))};
  };
  functions["stack"] = [](const Arguments& in) -> Results {
    return {stack(in.arrays_from(1), static_cast<int>(in.integer(0)))};
  };
  functions["repeat"] = [](const Arguments& in) -> Results {
    return {repeat(in.array(0), in.integers(1), static_cast<int>(in.integer(2)))};
  };
  functions["tile"] = [](const Arguments& in) -> Results { return {tile(in.array(0), in.integers(1))}; };
  functions["roll"] = [](const Arguments& in) -> Results {
    return {roll(in.array(0), in.integer(1), static_cast<int>(in.integer(2)))};
  };
  functions["rot90"] = [](const Arguments& in) -> Results {
    return {rot90(in.array(0), static_cast<int>(in.integer(1)))};
  };
  functions["moveaxis"] = [](const Arguments& in) -> Results {
    return {moveaxis(in.array(0), static_cast<int>(in.integer(1)), static_cast<int>(in.integer(2)))};
  };
  functions["delete"] = [](const Arguments& in) -> Results {
    return {remove(in.array(0), in.integers(1), static_cast<int>(in.integer(2)))};
  };
  functions["insert"] = [](const Arguments& in) -> Results {
    return {insert(in.array(0), in.integers(1), in.array(2), static_cast<int>(in.integer(3)))};
  };
  functions["pad"] = [](const Arguments& in) -> Results {
    std::vector<PadWidth> widths;
    const auto list = in.integers(1);
    for (std::size_t i = 0; i < list.size(); i += 2) widths.push_back({list[i], list[i + 1]});
    PadOptions options;
    if (!in.none(3)) options.value = Scalar(in.real(3));
    if (!in.none(4)) options.stat_length = in.integer(4);
    options.odd = in.integer(5) != 0;
    return {pad(in.array(0), widths, pad_mode_named(in.text(2)), options)};
  };
  functions["tril"] = [](const Arguments& in) -> Results { return {tril(in.array(0), in.integer(1))}; };
  functions["triu"] = [](const Arguments& in) -> Results { return {triu(in.array(0), in.integer(1))}; };
  functions["diag"] = [](const Arguments& in) -> Results { return {diag(in.array(0), in.integer(1))}; };
  functions["diagonal"] = [](const Arguments& in) -> Results {
    return {diagonal(in.array(0), in.integer(1), static_cast<int>(in.integer(2)), static_cast<int>(in.integer(3, 1)))};
  };
  functions["trace"] = [](const Arguments& in) -> Results { return {trace(in.array(0), in.integer(1))}; };
  functions["eye"] = [](const Arguments& in) -> Results { return {eye(in.integer(0), in.integer(1), in.integer(2))}; };
  functions["arange"] = [](const Arguments& in) -> Results { return {arange(in.real(0), in.real(1), in.real(2))}; };
  functions["linspace"] = [](const Arguments& in) -> Results {
    return {linspace(in.real(0), in.real(1), in.integer(2), in.integer(3) != 0)};
  };
  functions["bincount"] = [](const Arguments& in) -> Results {
    return {bincount(in.array(0), in.maybe_array(1), in.integer(2))};
  };
  functions["histogram"] = [](const Arguments& in) -> Results {
    const auto range = in.reals(2);
    const auto [counts, edges] = histogram(in.array(0), in.integer(1),
                                           range.empty() ? std::nullopt : std::optional(std::pair(range[0], range[1])),
                                           in.maybe_array(3), in.integer(4) != 0);
    return {counts, edges};
  };
  functions["histogram_at"] = [](const Arguments& in) -> Results {
    return {histogram(in.array(0), in.array(1), in.maybe_array(2), in.integer(3) != 0)};
  };
  functions["histogramdd"] = [](const Arguments& in) -> Results {
    return {histogramdd(in.array(0), in.arrays_from(1))};
  };
}

}  // namespace troupe::nd::eval
