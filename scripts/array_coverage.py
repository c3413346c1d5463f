#!/usr/bin/env python3
"""array_coverage.py [--check]: writes docs/array-coverage.md from the headers of arrays, or says whether it is current.

Which of the public names of dask.array there are here, and in which header; and what else there is.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/array-coverage.md"
NAMED = re.findall(r'"(collections/array/\w+\.hpp)"', (ROOT / "troupe/array.hpp").read_text())
HEADERS = [ROOT / name for name in NAMED]
FUNCTION = re.compile(r"^(?:inline )?(?:Array|auto|std::pair<[^;()]*>|std::vector<Array>|void|Qr|Svd) (\w+)\(", re.M)
METHOD = re.compile(r"^  (?:\[\[nodiscard\]\] )?(?:Array|std::string|array::NdArray|std::vector<[^;()]*>) (\w+)\(", re.M)

# dask.array's functions, by the groups of its documentation.
WANTED = {
    "Creation": "arange linspace ones zeros empty full ones_like zeros_like empty_like full_like eye diag diagonal tri "
                "indices fromfunction meshgrid repeat tile pad from_array from_delayed asarray",
    "Universal functions": "add subtract multiply divide floor_divide remainder power float_power negative positive "
                           "absolute fabs sign reciprocal square maximum minimum fmax fmin hypot arctan2 logaddexp logaddexp2 "
                           "copysign nextafter ldexp spacing bitwise_and bitwise_or bitwise_xor invert left_shift "
                           "right_shift equal not_equal less less_equal greater greater_equal logical_and logical_or "
                           "logical_xor logical_not isfinite isinf isnan isneginf isposinf iscomplex isreal signbit floor "
                           "ceil trunc rint round sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos "
                           "arctan sinh cosh tanh arcsinh arccosh arctanh degrees radians deg2rad rad2deg sinc i0 conj "
                           "real imag angle modf frexp divmod where clip nan_to_num isclose allclose fmod fix",
    "Reductions": "sum prod min max any all mean var std moment argmin argmax median quantile percentile trace cumsum "
                  "cumprod topk argtopk nansum nanprod nanmin nanmax nanmean nanvar nanstd nanmedian nanquantile "
                  "nanpercentile nanargmin nanargmax nancumsum nancumprod ptp average count_nonzero reduction",
    "Routines": "transpose moveaxis rollaxis swapaxes flip fliplr flipud rot90 roll concatenate stack block hstack vstack "
                "dstack squeeze expand_dims ravel reshape broadcast_to broadcast_arrays atleast_1d atleast_2d atleast_3d take "
                "compress extract choose select piecewise unique isin searchsorted digitize bincount histogram histogram2d "
                "histogramdd cov corrcoef gradient diff ediff1d insert delete append apply_along_axis apply_over_axes "
                "argwhere nonzero flatnonzero unravel_index ravel_multi_index tril triu tril_indices triu_indices outer "
                "tensordot matmul dot vdot einsum union1d coarsen interp",
    "Blocks": "rechunk map_blocks blockwise map_overlap overlap trim_overlap sliding_window_view push apply_gufunc "
              "compute_chunk_sizes vindex blocks assign store",
    "linalg": "cholesky inv lstsq lu norm qr tsqr sfqr solve solve_triangular svd svd_compressed",
    "fft": "fft ifft rfft irfft hfft ihfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn fftfreq rfftfreq fftshift "
           "ifftshift",
    "random": "random uniform normal standard_normal exponential poisson binomial gamma beta integers permutation choice "
              "shuffle",
    "Files": "from_zarr to_zarr from_npy_stack to_npy_stack to_hdf5 imread from_tiledb to_tiledb",
}
SAME = {"deg2rad": "radians", "rad2deg": "degrees", "delete": "remove", "empty_like": "zeros_like", "fix": "trunc",
        "asarray": "from_array", "fliplr": "flip", "flipud": "flip", "rollaxis": "moveaxis", "nanpercentile": "nanquantile",
        "store": "to_zarr"}


def names_here():
    """Each name and the header that has it, the most particular one first."""
    found = {}
    for header in HEADERS:
        text = header.read_text()
        place = header.relative_to(ROOT).as_posix()
        for name in FUNCTION.findall(text) + METHOD.findall(text):
            found.setdefault(name, place)
        for name in re.findall(r"^TROUPE_ARRAY_REDUCTION\((\w+)\)", text, re.M):
            found[name] = place
    ops = (ROOT / "collections/ndarray/ops.hpp").read_text()
    for name in re.findall(r"^  X\((\w+),", ops, re.M):
        found[name] = "collections/array/elementwise.hpp"
    for name in ("Array", "along_axis", "along_lines", "arange_integers", "arange_reals", "array", "full_grid"):
        found.pop(name, None)
    found.setdefault("arange", "collections/array/creation.hpp")
    found.setdefault("from_array", "collections/array/array.hpp")
    for name in ("map_blocks",):
        if f" {name}(" in (ROOT / "collections/array/array.hpp").read_text():
            found[name] = "collections/array/array.hpp"
    if " map_overlap(" in (ROOT / "collections/array/overlap.hpp").read_text():
        found["map_overlap"] = "collections/array/overlap.hpp"
    return found


def document():
    here = names_here()
    lines = ["# What arrays can", "",
             "Written from the code by `scripts/array_coverage.py`; a test looks whether it is current. The functions of",
             "dask.array, group by group, and the header that has each.", ""]
    wanted_all = {name for names in WANTED.values() for name in names.split()}
    total = there = 0
    for group, names in WANTED.items():
        by_header, missing = {}, []
        for name in names.split():
            known = name if name in here else SAME.get(name)
            total += 1
            if known in here:
                there += 1
                by_header.setdefault(here[known], []).append(name if known == name else f"{name} (as {known})")
            else:
                missing.append(name)
        lines += [f"## {group}", ""]
        lines += [f"- `{header}`: {', '.join(found)}" for header, found in sorted(by_header.items())]
        if missing:
            lines.append(f"- not yet: {', '.join(missing)}")
        lines.append("")
    others = sorted(set(here) - wanted_all)
    lines += ["## Beyond these", "", ", ".join(others) + ".", "", f"{there} of {total} names."]
    return wrapped(lines)


def wrapped(lines):
    result = []
    for line in lines:
        while len(line) > 120:
            at = line.rfind(" ", 0, 120)
            result.append(line[:at])
            line = ("  " if line.startswith(("- ", "  ")) else "") + line[at + 1:]
        result.append(line)
    return "\n".join(result) + "\n"


def main():
    text = document()
    if "--check" in sys.argv[1:]:
        if DOCUMENT.is_file() and DOCUMENT.read_text() == text:
            return 0
        print("docs/array-coverage.md is not what the code has: run scripts/array_coverage.py")
        return 1
    DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
