"""Writes the fixed graphs on which systems are compared, one JSON file each: {"name", "bytes", "inputs"}.

`inputs` has for each task the numbers of those it needs, all of them smaller; `bytes` is the size of each value. Two
kinds: the graphs that Dask makes of programs with its collections (the shapes of Boehm and Beranek, "Runtime vs
Scheduler", 2020), and the patterns of Task Bench (Slaughter and others, SC'20), which are points over time steps.

    python benchmarks/compare/graphs.py DIRECTORY [NAME...]
"""

import argparse
import json
import pathlib
import random
import sys


# ---- patterns of Task Bench: what point `i` of step `t` needs of step `t - 1`, `width` points wide ------------------


def trivial(t, i, width):
    return []


def no_comm(t, i, width):
    return [i]


def stencil_1d(t, i, width):
    return [j for j in (i - 1, i, i + 1) if 0 <= j < width]


def stencil_1d_periodic(t, i, width):
    return sorted({(i - 1) % width, i, (i + 1) % width})


def dom(t, i, width):
    return [j for j in (i - 1, i) if j >= 0]


def fft(t, i, width):
    reach = 1 << (t - 1) % max(1, width.bit_length() - 1)
    return [j for j in (i - reach, i, i + reach) if 0 <= j < width]


def tree(t, i, width):
    return [i // 2 if (1 << t) <= width else i]


def nearest(t, i, width, radix=5):
    return [j for j in range(i - radix // 2, i + radix // 2 + 1) if 0 <= j < width]


def spread(t, i, width, radix=5):
    return sorted({(i + d * width // radix + (t if d > 0 else 0)) % width for d in range(radix)})


def random_nearest(t, i, width, radix=5):
    chance = random.Random(t * width + i)
    return [j for j in nearest(t, i, width, radix) if j == i or chance.random() < 0.5]


def all_to_all(t, i, width):
    return list(range(width))


PATTERNS = [trivial, no_comm, stencil_1d, stencil_1d_periodic, dom, fft, tree, nearest, spread, random_nearest,
            all_to_all]
WIDTH = 32
STEPS = 100
VALUE_BYTES = 16


def task_bench(pattern, steps=STEPS, width=WIDTH):
    """A tree is one point wide at first and twice as wide with each step; all others are as wide as they get."""
    inputs, before = [], []
    for t in range(steps):
        points = min(width, 1 << t) if pattern is tree else width
        now = range(len(inputs), len(inputs) + points)
        for i in range(points):
            inputs.append([before[j] for j in pattern(t, i, width)] if t > 0 else [])
        before = now
    return {"bytes": VALUE_BYTES, "inputs": inputs}


# ---- graphs of Dask's collections ----------------------------------------------------------------------------------


def of_collection(collection, value_bytes):
    """What Dask would send its scheduler for it, optimised, as numbers in an order in which they can run."""
    import dask
    from dask.core import get_dependencies
    from dask.order import order

    optimised = collection.optimize() if hasattr(collection, "optimize") else dask.optimize(collection)[0]
    graph = dict(optimised.__dask_graph__())
    numbers = order(graph)
    keys = sorted(graph, key=numbers.get)
    place = {key: i for i, key in enumerate(keys)}
    inputs = [sorted({place[need] for need in get_dependencies(graph, key) if need in place}) for key in keys]
    return {"bytes": value_bytes, "inputs": inputs}


def numpy_shape(parts):
    import dask.array as da

    x = da.random.default_rng(0).random((50_000, 50_000), chunks=(50_000 // parts, 50_000 // parts))
    return of_collection((x + x.T)[::2, 25_000:].mean(axis=1), 1024)


def xarray_shape(days):
    import numpy
    import xarray

    hours = 4 * 365 * 2
    data = numpy.zeros((hours, 25, 53), dtype="float32")
    times = numpy.datetime64("2013-01-01") + numpy.arange(hours) * numpy.timedelta64(6, "h")
    air = xarray.DataArray(data, dims=("time", "lat", "lon"), coords={"time": times}, name="air")
    air = air.chunk({"time": 4 * days})
    return of_collection((air.groupby("time.month") - air.groupby("time.month").mean("time")).std("time").data, 4096)


def bag_shape(parts):
    import dask.bag as db

    bag = db.from_sequence(range(25_000), npartitions=parts)
    return of_collection(bag.product(bag).filter(lambda pair: pair[0] < pair[1]).map(sum).mean(), 1024)


def frame(days, hours):
    import dask

    return dask.datasets.timeseries("2000-01-01", f"2000-{1 + days // 30:02d}-{1 + days % 30:02d}", freq="1min",
                                    partition_freq=f"{hours}h")


def groupby_shape(days, hours):
    return of_collection(frame(days, hours).groupby("name")[["x", "y"]].agg(["mean", "std"]), 4096)


def join_shape(days, hours):
    left = frame(days, hours)
    return of_collection(left.merge(left[["id", "y"]], on="id", shuffle_method="tasks")["x"].sum(), 16 << 10)


SHAPES = {
    "numpy-50K-10": lambda: numpy_shape(10),
    "numpy-50K-50": lambda: numpy_shape(50),
    "xarray-30": lambda: xarray_shape(30),
    "bag-25K-10": lambda: bag_shape(10),
    "bag-25K-50": lambda: bag_shape(50),
    "groupby-60-1H": lambda: groupby_shape(60, 1),
    "groupby-240-1H": lambda: groupby_shape(240, 1),
    "join-1-1H": lambda: join_shape(1, 1),
    "join-4-1H": lambda: join_shape(4, 1),
}
for _pattern in PATTERNS:
    SHAPES["taskbench-" + _pattern.__name__.replace("_", "-")] = lambda pattern=_pattern: task_bench(pattern)


def write(directory, names=None):
    """Writes those graphs (default: all) and returns their files by name."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    files = {}
    for name in names or SHAPES:
        files[name] = directory / f"{name}.json"
        text = json.dumps({"name": name, **SHAPES[name]()}, separators=(",", ":"))
        files[name].write_text(text + "\n")
    return files


def read(file):
    return json.loads(pathlib.Path(file).read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHAPES)} (default: all)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in SHAPES]
    if unknown:
        sys.exit(f"graphs: there is no graph called {unknown[0]}; there are {', '.join(SHAPES)}")
    for name, file in write(arguments.directory, arguments.names).items():
        graph = read(file)
        print(f"{name}: {len(graph['inputs'])} tasks, {sum(map(len, graph['inputs']))} edges")


if __name__ == "__main__":
    main()
