#!/usr/bin/env python3
"""compare.py BENCH [--threads | --dask] [--sizes N,N] [--types T,T] [--only CASE]... [--rounds N]: one block of the n-d
array beside NumPy.

Both on one thread, in turn, in several rounds; the ratio is of the medians of the rounds' best times. Below 1: faster
than NumPy. --threads: the array in blocks on one thread and two, beside what a second thread gains STREAM. --dask: the
array in blocks beside dask.array, both on two threads. These ask blocks_bench, which lies beside BENCH."""

import argparse
import os
import subprocess
import sys

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402 (the threads of its BLAS are counted when it is loaded)

import compare_blocks  # noqa: E402
from timing import best_of  # noqa: E402


class Data:
    def __init__(self, dtype, n):
        rng = np.random.default_rng(1)
        side = int(n**0.5)
        self.a = rng.uniform(0.5, 2, n).astype(dtype)
        self.b = rng.uniform(-1, 1, n).astype(dtype)
        self.square = rng.uniform(-1, 1, (side, side)).astype(dtype)
        self.square2 = rng.uniform(-1, 1, (side, side)).astype(dtype)
        self.mask = self.b > 0
        self.none = np.zeros(n, bool)
        self.sorted = np.sort(self.b)
        self.whole = rng.integers(0, 1000, n)
        self.places = rng.integers(0, n, n)
        self.complex = self.square.astype(np.result_type(dtype, np.complex64))
        self.few = np.round(self.b * 500)
        self.n = n
        self.rng = np.random.default_rng(7)


CASES = {
    "a+b": lambda d: d.a + d.b,
    "a*2+b": lambda d: d.a * 2 + d.b,
    "a+a.T": lambda d: d.square + d.square.T,
    "exp": lambda d: np.exp(d.b),
    "log": lambda d: np.log(d.a),
    "sqrt": lambda d: np.sqrt(d.a),
    "sin": lambda d: np.sin(d.b),
    "a>b": lambda d: d.a > d.b,
    "where": lambda d: np.where(d.mask, d.a, d.b),
    "clip": lambda d: np.clip(d.b, -0.5, 0.5),
    "abs": lambda d: np.abs(d.b),
    "sum": lambda d: d.b.sum(),
    "sum axis 0": lambda d: d.square.sum(axis=0),
    "sum axis 1": lambda d: d.square.sum(axis=1),
    "mean": lambda d: d.b.mean(),
    "var": lambda d: d.b.var(),
    "min": lambda d: d.b.min(),
    "argmax": lambda d: d.b.argmax(),
    "cumsum": lambda d: d.b.cumsum(),
    "any": lambda d: d.none.any(),
    "sort": lambda d: np.sort(d.b),
    "argsort": lambda d: np.argsort(d.b),
    "searchsorted": lambda d: np.searchsorted(d.sorted, d.b),
    "unique": lambda d: np.unique(d.few),
    "bincount": lambda d: np.bincount(d.whole),
    "histogram": lambda d: np.histogram(d.b, 100)[0],
    "take": lambda d: np.take(d.b, d.places),
    "boolean mask": lambda d: d.b[d.mask],
    "strided copy": lambda d: d.square[::2, ::2].copy(),
    "transpose copy": lambda d: d.square.T.copy(),
    "concatenate": lambda d: np.concatenate([d.a, d.b]),
    "matmul": lambda d: d.square @ d.square2,
    "dot": lambda d: d.a @ d.b,
    "rfft": lambda d: np.fft.rfft(d.b),
    "fft2": lambda d: np.fft.fft2(d.complex),
    "normal": lambda d: d.rng.standard_normal(d.n),
}
DOUBLE_ONLY = {"bincount", "normal", "any"}
# Where another library is the limit.
MAY_BE = {"matmul": 1.3, "dot": 1.3, "rfft": 1.3, "fft2": 1.3}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    blocks = parser.add_mutually_exclusive_group()
    blocks.add_argument("--threads", action="store_true")
    blocks.add_argument("--dask", action="store_true")
    parser.add_argument("--sizes", help="of one block; 10000,4000000 if not given")
    parser.add_argument("--types", default="float64,float32")
    parser.add_argument("--only", action="append", metavar="CASE", help="may be given several times")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.sizes and (options.threads or options.dask):
        parser.error("--sizes is for one block: --threads and --dask have sizes of their own")
    cases = set(CASES) if "float64" in options.types else set(CASES) - DOUBLE_ONLY
    known = compare_blocks.dask_cases() if options.dask else cases
    unknown = set(options.only or ()) - known
    if unknown:
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    blocks_bench = os.path.join(os.path.dirname(options.bench), "blocks_bench")
    if options.threads:
        compare_blocks.threads(blocks_bench, options, CASES, DOUBLE_ONLY)
        return 0
    if options.dask:
        compare_blocks.dask(blocks_bench, options)
        return 0
    bench = subprocess.Popen([options.bench], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ratios = []
    print(f"{'case':16}{'type':9}{'elements':>9} {'NumPy us':>11}{'here us':>11}{'ratio':>7}")
    for n in map(int, (options.sizes or "10000,4000000").split(",")):
        for dtype in options.types.split(","):
            data = Data(dtype, n)
            for name, call in CASES.items():
                if options.only and name not in options.only or name in DOUBLE_ONLY and dtype != "float64":
                    continue
                once = best_of(lambda: call(data), 1)
                repeats = max(2, min(200, int(30e6 / max(once, 1))))
                theirs, ours = [], []
                for _ in range(options.rounds):
                    theirs.append(best_of(lambda: call(data), repeats))
                    bench.stdin.write(f"{name}\t{dtype}\t{n}\t{repeats}\n")
                    bench.stdin.flush()
                    ours.append(float(bench.stdout.readline().split()[0]))
                mine, numpys = (sorted(t)[len(t) // 2] for t in (ours, theirs))
                ratio = mine / numpys
                ratios.append((ratio, name))
                flag = "" if ratio <= MAY_BE.get(name, 1) else "  <--"
                print(f"{name:16}{dtype:9}{n:9} {numpys / 1e3:11.1f}{mine / 1e3:11.1f}{ratio:7.2f}{flag}", flush=True)
    bench.stdin.close()
    mean = np.exp(np.mean(np.log([ratio for ratio, _ in ratios])))
    slower = sum(ratio > MAY_BE.get(name, 1) for ratio, name in ratios)
    print(f"geometric mean {mean:.2f} of {len(ratios)} cases, {slower} slower than they may be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
