#!/usr/bin/env python3
"""compare_numpy.py EVAL [--seed N] [--rounds N] [--only NAME] [--skip-unknown]: runs functions of the n-d array beside NumPy itself.

Arrays are drawn: shapes with none to four axes, empty ones too, strided and transposed, of all types, with NaN and
infinities. Cases go to EVAL as lines of text, results come back as npy. Fails if a result has another shape, another
type or other values than NumPy's, or if one of both refuses what the other does.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np

from numpy_cases import all_cases

# What differs on purpose. docs/ndarray.md says why.
NARROW = {np.dtype(np.float16): np.dtype(np.float32)}


class Cases:
    """Cases as they are written for EVAL, each with what NumPy says to it."""

    def __init__(self, directory, rng):
        self.directory = directory
        self.rng = rng
        self.lines = []
        self.expected = []
        self.arrays = 0

    def save(self, base):
        self.arrays += 1
        np.save(self.directory / f"{self.arrays}.npy", base)
        return self.arrays

    def token(self, value):
        """How EVAL is told a value; an array may come as (array, spec) from `strided`."""
        if isinstance(value, Drawn):
            return f"A:{self.save(value.base)};{value.slices};{value.order}"
        if isinstance(value, np.ndarray):
            return f"A:{self.save(value)}"
        return str(value)

    def add(self, name, expected, *arguments, rtol=None, atol=0.0, check=None):
        """`expected`: called without arguments, gives an array or a tuple of them. `check`: called with the results
        instead of a comparison, gives a complaint or None."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                wanted = expected() if expected else None
            except (ValueError, TypeError, IndexError, OverflowError, np.linalg.LinAlgError) as error:
                wanted = error
        self.lines.append("\t".join([name, *(self.token(a) for a in arguments)]))
        self.expected.append((wanted, rtol, atol, check))


class Drawn:
    """An array as a view of another, which EVAL makes the same view of."""

    def __init__(self, base, slices=None, order=None):
        self.base = base
        self.slices = ",".join(":".join("" if p is None else str(p) for p in s) for s in slices or ())
        self.order = ",".join(map(str, order)) if order is not None else ""
        self.value = base[tuple(slice(*s) for s in slices)] if slices else base
        if order is not None:
            self.value = self.value.transpose(order)


def complaint(got, wanted, rtol, atol):
    if not isinstance(wanted, (tuple, list)):
        wanted = (wanted,)
    if len(got) != len(wanted):
        return f"{len(got)} results, not {len(wanted)}"
    for mine, numpys in zip(got, wanted):
        numpys = np.asarray(numpys)
        dtype = NARROW.get(numpys.dtype, numpys.dtype)
        if mine.dtype != dtype:
            return f"type {mine.dtype}, not {dtype}"
        if mine.shape != numpys.shape:
            return f"shape {mine.shape}, not {numpys.shape}"
        if dtype.kind not in "fc":
            if not np.array_equal(mine, numpys):
                at = np.argwhere(np.atleast_1d(mine != numpys))[0]
                return f"at {at}: {np.atleast_1d(mine)[tuple(at)]}, not {np.atleast_1d(numpys)[tuple(at)]}"
            continue
        narrow = dtype in (np.float32, np.complex64) or numpys.dtype == np.float16
        tolerance = rtol if rtol is not None else (1e-13 if not narrow else 2e-6)
        if narrow and rtol is not None:
            tolerance = max(rtol, 2e-6) if rtol < 1e-6 else rtol
        if numpys.dtype == np.float16:
            tolerance = 2e-3
        with np.errstate(all="ignore"):
            near = max(atol, 1e-300) * (1e9 if narrow and atol else 1)
            if dtype.kind == "c":
                size = np.where(np.isfinite(numpys), np.abs(numpys), 0) * tolerance + near
                close = [np.isclose(p, q, rtol=tolerance, atol=0, equal_nan=True) | (np.abs(p - q) <= size)
                         for p, q in ((mine.real, numpys.real), (mine.imag, numpys.imag))]
                # With a NaN in one part, only that there is one is compared.
                close = close[0] & close[1] | np.isnan(mine) & np.isnan(numpys)
            else:
                close = np.isclose(mine, numpys, rtol=tolerance, atol=near, equal_nan=True)
            if numpys.dtype == np.float16:
                close |= np.isinf(numpys) | (np.abs(mine) < 1e-7)
        if not np.all(close):
            at = tuple(np.argwhere(np.atleast_1d(~close))[0])
            return f"at {at}: {np.atleast_1d(mine)[at]!r}, not {np.atleast_1d(numpys)[at]!r}"
    return None


def compare(cases, directory, skip_unknown):
    bad = []
    unknown = 0
    said = (directory / "said.txt").read_text().splitlines()
    if len(said) != len(cases.lines):
        return [f"{len(said)} answers to {len(cases.lines)} cases"], 0
    with open(directory / "results.npys", "rb") as results:
        for line, answer, (wanted, rtol, atol, check) in zip(cases.lines, said, cases.expected):
            if skip_unknown and answer == "no such function":
                unknown += 1
                continue
            word, _, rest = answer.partition(" ")
            got = [np.load(results) for _ in range(int(rest))] if word == "ok" else None
            if isinstance(wanted, Exception):
                problem = None if word == "refused" else f"{word}, but NumPy refuses: {wanted}"
            elif got is None:
                problem = f"{answer}, but NumPy gives {wanted!r:.200}"
            else:
                problem = check(got) if check else complaint(got, wanted, rtol, atol)
            if problem:
                bad.append(f"{line}\n    {problem}")
    return bad, unknown


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("eval")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--keep")
    parser.add_argument("--skip-unknown", action="store_true", help="leave out cases of functions that EVAL has not")
    options = parser.parse_args()
    total = 0
    bad = []
    for seed in range(options.seed, options.seed + options.rounds):
        with tempfile.TemporaryDirectory() as temporary:
            directory = pathlib.Path(options.keep or temporary)
            cases = Cases(directory, np.random.default_rng(seed))
            all_cases(cases, Drawn, options.only)
            (directory / "cases.txt").write_text("".join(line + "\n" for line in cases.lines))
            run = subprocess.run([options.eval, str(directory)])
            if run.returncode != 0:
                print(f"{options.eval} ended with {run.returncode}")
                return 1
            differ, unknown = compare(cases, directory, options.skip_unknown)
            bad += differ
            total += len(cases.lines) - unknown
    for line in bad[:60]:
        print(line)
    print(f"{total} cases, {len(bad)} differ")
    return bool(bad) or total < 100 and not options.only


if __name__ == "__main__":
    sys.exit(main())
