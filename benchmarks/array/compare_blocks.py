"""The array in blocks: what a second thread gains beside what it gains STREAM, and the same computations in dask.array.
compare.py calls this."""

import subprocess

import numpy as np
from timing import best_of


class Bench:
    """blocks_bench, asked by lines."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def best(self, case, dtype, n, block, threads, repeats):
        self.process.stdin.write(f"{case}\t{dtype}\t{n}\t{block}\t{threads}\t{repeats}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline().split()[0])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def chosen(case, options):
    return not options.only or case in options.only


def threads(program, options, kernels, double_only):
    """One thread and two, in turn; the gain is that of the best times."""
    bench = Bench(program)
    n, block = 1 << 24, 1 << 20
    print(f"{n} elements in blocks of {block}, on one thread and two\n")
    print(f"{'case':16}{'type':9}{'one, us':>11}{'two, us':>11}{'gain':>7}")

    def gain(case, dtype):
        once = bench.best(case, dtype, n, block, 1, 1)
        repeats = max(2, min(50, int(200e6 / once)))
        times = {1: [], 2: []}
        for _ in range(options.rounds):
            for count in times:
                times[count].append(bench.best(case, dtype, n, block, count, repeats))
        one, two = (min(times[count]) for count in (1, 2))
        return one, two, one / two

    def row(case, dtype, one, two, ratio, flag=""):
        print(f"{case:16}{dtype:9}{one / 1e3:11.1f}{two / 1e3:11.1f}{ratio:7.2f}{flag}", flush=True)

    stream = []
    for case in ("copy", "triad"):
        measured = gain(case, "float64")
        row("STREAM " + case, "float64", *measured)
        stream.append(measured[2])
    enough = min(1.7, *stream)
    gains = []
    for dtype in options.types.split(","):
        for case in sorted(kernels):
            if not chosen(case, options) or case in double_only and dtype != "float64":
                continue
            measured = gain(case, dtype)
            gains.append(measured[2])
            row(case, dtype, *measured, "" if measured[2] >= enough else "  <--")
    bench.close()
    below = sum(each < enough for each in gains)
    print(f"geometric mean {np.exp(np.mean(np.log(gains))):.2f} of {len(gains)} cases, {below} below {enough:.2f}")


def chains(da):
    return {
        "(a*2+b-1)/3": lambda d: (d.a * 2 + d.b - 1) / 3,
        "sqrt(a*a+b*b)": lambda d: da.sqrt(d.a * d.a + d.b * d.b),
        "where(a>b,a*2,b+1)": lambda d: da.where(d.a > d.b, d.a * 2, d.b + 1),
        "((a-b)**2).sum()": lambda d: ((d.a - d.b) ** 2).sum(),
        "abs(a*b-b).mean()": lambda d: abs(d.a * d.b - d.b).mean(),
        "8 steps": lambda d: steps(d),
    }


def steps(d):
    x = d.a
    for _ in range(4):
        x = x * 0.5 + d.b
    return x


def on_small_blocks(da):
    return {
        "x+1": lambda d: d.square + 1,
        "x.sum()": lambda d: d.square.sum(),
        "x.std(axis=0)": lambda d: d.square.std(axis=0),
        "(x+x.T)[::2].mean(axis=1)": lambda d: (d.square + d.square.T)[::2].mean(axis=1),
        "x@y": lambda d: d.square @ d.square2,
        "x.cumsum(axis=0)": lambda d: d.square.cumsum(axis=0),
        "x[5:-5,5:-5]*y[5:-5,5:-5]": lambda d: d.square[5:-5, 5:-5] * d.square2[5:-5, 5:-5],
    }


def dask_cases():
    """The names of what is compared with dask.array."""
    return {*chains(None), *on_small_blocks(None)}


class Data:
    """The same arrays, whose blocks are there."""

    def __init__(self, da, dtype, n, block):
        rng = np.random.default_rng(1)
        side, edge = int(n**0.5), int(block**0.5)

        def line(low, high):
            return da.from_array(rng.uniform(low, high, n).astype(dtype), chunks=block).persist()

        def tiles():
            return da.from_array(rng.uniform(-1, 1, (side, side)).astype(dtype), chunks=edge).persist()

        self.a, self.b = line(0.5, 2), line(-1, 1)
        self.square, self.square2 = tiles(), tiles()


def dask(program, options):
    import dask
    import dask.array as da

    dask.config.set(scheduler="threads", num_workers=2)
    bench = Bench(program)
    print(f"dask.array {dask.__version__} with NumPy {np.__version__}, two threads each")
    print(f"\n{'case':28}{'type':9}{'elements':>9}{'block':>9}{'dask us':>11}{'here us':>11}{'times':>7}")
    factors = []
    for cases, n, block in (
        (chains(da), 1 << 24, 1 << 20),
        (chains(da), 1 << 20, 1 << 14),
        (on_small_blocks(da), 1_000_000, 10_000),
        (on_small_blocks(da), 4_000_000, 10_000),
    ):
        for dtype in options.types.split(","):
            data = Data(da, dtype, n, block)
            for case, call in cases.items():
                if not chosen(case, options):
                    continue
                theirs, ours = [], []
                once = best_of(lambda: call(data).persist(), 1)
                repeats = max(2, min(20, int(500e6 / once)))
                for _ in range(options.rounds):
                    theirs.append(best_of(lambda: call(data).persist(), repeats))
                    ours.append(bench.best(case, dtype, n, block, 2, repeats))
                factor = min(theirs) / min(ours)
                factors.append(factor)
                print(
                    f"{case:28}{dtype:9}{n:9}{block:9}{min(theirs) / 1e3:11.1f}{min(ours) / 1e3:11.1f}{factor:7.1f}"
                    f"{'' if factor >= 3 else '  <--'}",
                    flush=True,
                )
    bench.close()
    below = sum(each < 3 for each in factors)
    print(f"geometric mean {np.exp(np.mean(np.log(factors))):.1f} of {len(factors)} cases, {below} below 3")
