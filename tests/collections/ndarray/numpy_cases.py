"""The cases of compare_numpy.py: functions, and arrays drawn for them."""

import numpy as np

from numpy_algebra import add_algebra, add_sorting

DTYPES = [np.dtype(t) for t in ("bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16")]
NO_COMPLEX = DTYPES[:-2]
SHAPES = [(), (0,), (1,), (7,), (300,), (3, 4), (1, 5), (0, 3), (5, 150), (150, 3), (2, 3, 4), (3, 1, 130), (2, 3, 2, 5)]


def draw(rng, shape, dtype, special=True, small=False):
    """Elements of a type: around 0, now and then at its edges; floats with NaN and infinities if `special`."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        values = rng.integers(0 if dtype.kind == "u" else -9, 10, shape, endpoint=False).astype(dtype)
        if not small and special and values.ndim:
            values[rng.random(shape) < 0.05] = info.max
            values[rng.random(shape) < 0.05] = info.min
        return values
    if dtype.kind == "c":
        part = np.float32 if dtype.itemsize == 8 else np.float64
        return (draw(rng, shape, part, False) + 1j * draw(rng, shape, part, False)).astype(dtype)
    values = np.asarray(rng.normal(0, 3, shape)).astype(dtype)
    if special and values.ndim:
        for value in (np.nan, np.inf, -np.inf, 0.0, -0.0):
            values[rng.random(shape) < 0.03] = value
    # Equal elements, too.
    if values.ndim:
        rounded = rng.random(shape) < 0.3
        values[rounded] = np.round(values[rounded])
    return values


def strided(rng, Drawn, shape, dtype, **how):
    """An array of a shape, or a view that is: of every second element, backwards, with its axes in another order."""
    if not shape or rng.random() < 0.4:
        return Drawn(draw(rng, shape, dtype, **how))
    order = rng.permutation(len(shape)) if rng.random() < 0.5 else np.arange(len(shape))
    before = [shape[list(order).index(i)] for i in range(len(shape))]
    slices = []
    extents = []
    for extent in before:
        step = int(rng.choice([1, 1, 2, -1, -2, 3]))
        if extent == 0:
            slices.append((None, None, 1))
            extents.append(0)
        elif step > 0:
            slices.append((1, None, step))
            extents.append(1 + (extent - 1) * step + 1)
        else:
            slices.append((None, None, step))
            extents.append((extent - 1) * -step + 1)
    drawn = Drawn(draw(rng, tuple(extents), dtype, **how), slices, order)
    assert drawn.value.shape == tuple(shape), (drawn.value.shape, shape)
    return drawn


def broadcastable(rng, shape):
    """A shape that broadcasts to another."""
    cut = rng.integers(0, len(shape) + 1) if rng.random() < 0.3 else 0
    return tuple(1 if rng.random() < 0.2 else extent for extent in shape[cut:])


UNARY = """negative positive absolute fabs sign reciprocal square invert bitwise_count logical_not isfinite isinf isnan
signbit floor ceil trunc rint sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh
tanh arcsinh arccosh arctanh degrees radians conj real imag angle spacing sinc i0 nan_to_num isposinf isneginf
iscomplex isreal""".split()
BINARY = """add subtract multiply divide floor_divide remainder fmod power float_power maximum minimum fmax fmin gcd lcm
heaviside hypot arctan2 logaddexp logaddexp2 copysign nextafter bitwise_and bitwise_or bitwise_xor left_shift
right_shift equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor""".split()
# Of integers, NumPy has no such functions, or says in Python what they are.
REAL_ONLY = {"sinc", "i0", "angle"}
LOOSE = {"i0": 2e-7, "sinc": 1e-12}


def add_elementwise(cases, Drawn, wanted):
    rng = cases.rng
    for name in UNARY:
        if not wanted(name):
            continue
        for dtype in DTYPES:
            if name in ("sinc", "i0", "angle", "isposinf", "isneginf") and dtype.kind == "c":
                continue
            if name in REAL_ONLY and dtype.kind not in "f":
                continue
            if name == "spacing" and dtype.itemsize == 1:
                continue  # of float16, which we have not
            shape = SHAPES[rng.integers(len(SHAPES))] if rng.random() < 0.5 else (5, 150)
            a = strided(rng, Drawn, shape, dtype, special=name != "i0")
            loose = LOOSE.get(name, 1e-12 if dtype.kind == "c" else None)
            cases.add(name, lambda: getattr(np, name)(a.value), a, rtol=loose, atol=1e-14 if dtype.kind == "c" else 0)
    for name in BINARY:
        if not wanted(name):
            continue
        for x in DTYPES:
            for y in rng.permutation(len(DTYPES))[:6]:
                y = DTYPES[y]
                small = name in ("left_shift", "right_shift", "lcm")
                shape = SHAPES[rng.integers(len(SHAPES))]
                a = strided(rng, Drawn, shape, x, small=small)
                b = strided(rng, Drawn, broadcastable(rng, shape), y, small=small)
                if name in ("power", "float_power") and "c" in x.kind + y.kind:
                    continue
                if name == "nextafter" and x.itemsize == y.itemsize == 1:
                    continue
                if name == "power" and y.kind == "i" and x.kind in "biu":
                    b = Drawn(np.abs(draw(rng, shape, y, special=False)))
                loose = 1e-12 if name in ("power", "float_power", "logaddexp", "logaddexp2") or "c" in x.kind + y.kind else None
                cases.add(name, lambda: getattr(np, name)(a.value, b.value), a, b, rtol=loose,
                          atol=1e-14 if loose else 0)
    scalars = [("S:i:3", 3), ("S:i:-2", -2), ("S:f:2.5", 2.5), ("S:b:1", True), ("S:c:1,2", 1 + 2j), ("S:i:300", 300), ("S:i:2", 2)]
    for name in ("add", "subtract", "multiply", "divide", "floor_divide", "power", "maximum", "less", "equal", "greater_equal"):
        if not wanted(name):
            continue
        for dtype in DTYPES:
            for token, value in scalars:
                if name == "power" and (value == -2 and dtype.kind in "biu" or dtype.kind == "c" or isinstance(value, complex)):
                    continue
                a = strided(rng, Drawn, (4, 9), dtype)
                loose = 1e-12 if name == "power" or dtype.kind == "c" else None
                cases.add(name, lambda: getattr(np, name)(a.value, value), a, token, rtol=loose)
    for dtype in DTYPES if wanted("where") else ():
        c = strided(rng, Drawn, (5, 40), "bool")
        a = strided(rng, Drawn, (5, 40), dtype)
        b = strided(rng, Drawn, (40,), DTYPES[rng.integers(len(DTYPES))])
        cases.add("where", lambda: np.where(c.value, a.value, b.value), c, a, b)
        if dtype.kind != "b":
            cases.add("clip", lambda: np.clip(a.value, 1, 4), a, "S:i:1", "S:i:4")
    for x in DTYPES if wanted("astype") else ():
        for y in DTYPES:
            # What floats outside of an integer become is the processor's business.
            a = strided(rng, Drawn, (3, 60), x, special=x.kind in "biu")
            cases.add("astype", lambda: a.value.astype(y), a, f"T:{y.name}", rtol=0)
    for dtype in DTYPES[1:] if wanted("round") else ():
        for decimals in (0, 2, -1):
            if dtype.kind == "u" and decimals < 0:
                continue
            a = strided(rng, Drawn, (4, 30), dtype, special=dtype.kind == "f")
            cases.add("round", lambda: np.round(a.value, decimals), a, f"I:{decimals}")
    for name in ("modf", "frexp"):
        for dtype in (np.float32, np.float64):
            for part, suffix in enumerate(("fraction", "whole") if name == "modf" else ("mantissa", "exponent")):
                a = strided(rng, Drawn, (5, 30), dtype, special=name == "modf")
                cases.add(f"{name}_{suffix}", lambda: getattr(np, name)(a.value)[part], a)


def axes_of(rng, shape):
    """None, or some axes, and how they are written."""
    if rng.random() < 0.25 or not shape:
        return None, "N:"
    count = rng.integers(1, len(shape) + 1)
    axes = tuple(int(i) for i in rng.permutation(len(shape))[:count])
    return axes, "L:" + ",".join(map(str, axes))


def add_reductions(cases, Drawn, wanted):
    rng = cases.rng
    names = "sum prod min max any all mean var std ptp count_nonzero nansum nanprod nanmin nanmax nanmean nanvar nanstd".split()
    for name in names:
        if not wanted(name):
            continue
        for dtype in DTYPES:
            for shape in [SHAPES[i] for i in rng.permutation(len(SHAPES))[:7]] + [(40, 50), (3, 2000)]:
                if dtype.kind == "b" and name == "ptp":
                    continue
                if dtype.kind == "c" and name.endswith("prod") and np.prod(shape) > 100:
                    continue  # beyond what the type holds, the order counts
                special = name.startswith("nan") or name in ("min", "max", "any", "all", "count_nonzero")
                a = strided(rng, Drawn, shape, dtype, special=special and dtype.kind != "c", small=True)
                axis, token = axes_of(rng, shape)
                keep = bool(rng.integers(2))
                more, extra = {}, []
                if name in ("var", "std", "nanvar", "nanstd") and rng.random() < 0.5:
                    more, extra = {"ddof": 1}, ["N:", "F:1"]
                if name == "ptp":
                    expected = lambda: np.ptp(a.value, axis=axis, keepdims=keep)
                elif name == "count_nonzero":
                    expected = lambda: np.asarray(np.count_nonzero(a.value, axis=axis, keepdims=keep)).astype(np.int64)
                else:
                    expected = lambda: getattr(np, name)(a.value, axis=axis, keepdims=keep, **more)
                cases.add(name, expected, a, token, f"I:{int(keep)}", *extra, rtol=1e-11 if dtype.itemsize > 4 and dtype != "c8" else 1e-4,
                          atol=1e-12)
    for name in ("sum", "prod", "mean"):
        for dtype in NO_COMPLEX:
            for to in ("int8", "int32", "float32", "float64", "complex128"):
                if name == "mean" and to.startswith("int") or dtype.kind == "f" and to.startswith("int"):
                    continue
                a = strided(rng, Drawn, (6, 7), dtype, special=False)
                cases.add(name, lambda: getattr(np, name)(a.value, axis=0, dtype=to), a, "L:0", "I:0", f"T:{to}", rtol=1e-4, atol=1e-12)
    for name in ("argmin", "argmax", "nanargmin", "nanargmax"):
        for dtype in DTYPES:
            for shape in ((7,), (300,), (40, 50), (50, 40), (3, 4, 90), (90, 70), ()):
                if shape == () and name.startswith("nan"):
                    continue
                a = strided(rng, Drawn, shape, dtype, special=dtype.kind != "c")
                axis = int(rng.integers(len(shape))) if shape and rng.random() < 0.7 else None
                keep = bool(rng.integers(2))
                cases.add(name, lambda: getattr(np, name)(a.value, axis=axis, keepdims=keep), a,
                          "N:" if axis is None else f"I:{axis}", f"I:{int(keep)}")
    for name in ("cumsum", "cumprod", "nancumsum", "nancumprod"):
        for dtype in DTYPES:
            for shape in ((7,), (40, 50), (3, 4, 9), (0, 3), (30, 1, 5)):
                a = strided(rng, Drawn, shape, dtype, special=False, small=True)
                axis = int(rng.integers(len(shape))) if rng.random() < 0.8 else None
                if axis is None and name.endswith("prod") and dtype.kind in "fc":
                    continue
                cases.add(name, lambda: getattr(np, name)(a.value, axis=axis), a, "N:" if axis is None else f"I:{axis}",
                          rtol=1e-11 if dtype.itemsize > 4 and dtype != "c8" else 2e-4, atol=1e-12)
    for dtype in DTYPES:
        a = strided(rng, Drawn, (5, 9), dtype, special=False)
        for n, axis in ((1, -1), (2, 0), (0, 0)):
            cases.add("diff", lambda: np.diff(a.value, n, axis), a, f"I:{n}", f"I:{axis}")
        if dtype.kind in "fc":
            for order in (1, 2):
                cases.add("gradient", lambda: np.gradient(a.value, 0.5, axis=1, edge_order=order), a, "F:0.5", "I:1", f"I:{order}",
                          rtol=1e-5 if dtype.itemsize < 16 and dtype != "f8" else 1e-11, atol=1e-12)
            cases.add("trapezoid", lambda: np.trapezoid(a.value, dx=0.5, axis=0), a, "F:0.5", "I:0", rtol=1e-5 if dtype in ("f4", "c8") else 1e-11)
        for n, m in ((9, 4), (4, 9), (5, 5), (1, 3)):
            x, y = (Drawn(draw(rng, k, dtype, special=False)) for k in (n, m))
            for mode in ("full", "same", "valid"):
                for name in ("convolve", "correlate"):
                    cases.add(name, lambda: getattr(np, name)(x.value, y.value, mode), x, y, f"T:{mode}", rtol=1e-4 if dtype in ("f4", "c8") else 1e-10,
                              atol=1e-12)
    x, xp = rng.normal(0, 5, (4, 30)), np.sort(rng.normal(0, 3, 12))
    fp = rng.normal(0, 1, 12)
    cases.add("interp", lambda: np.interp(x, xp, fp), x, xp, fp)


def index_of(rng, shape, Drawn):
    """An index for an array of `shape`: what NumPy is given, and how EVAL is told."""
    python, tokens = [], []
    fancy = tuple(rng.integers(1, 4, rng.integers(0, 3)))
    axis = 0
    while axis < len(shape):
        kind = rng.integers(0, 7)
        extent = shape[axis]
        if rng.random() < 0.1:
            python.append(None)
            tokens.append("N:")
        if kind == 0 and extent:
            at = int(rng.integers(-extent, extent))
            python.append(at)
            tokens.append(f"I:{at}")
        elif kind in (1, 2):
            step = int(rng.choice([-2, -1, 1, 2, 3]))
            ends = [None if rng.random() < 0.4 else int(rng.integers(-extent - 2, extent + 3)) for _ in range(2)]
            python.append(slice(*ends, step))
            tokens.append("C:" + ":".join("" if p is None else str(p) for p in (*ends, step)))
        elif kind in (3, 4) and extent:
            which = rng.integers(-extent, extent, fancy)
            python.append(which)
            tokens.append(which)
        elif kind == 5 and Ellipsis not in [p for p in python if p is Ellipsis]:
            left = len(shape) - axis
            skip = int(rng.integers(0, left + 1))
            python.append(Ellipsis)
            tokens.append("E:")
            axis += skip
            if axis == len(shape):
                break
            # What is left has to be told in full.
            for rest in range(axis, len(shape)):
                python.append(slice(None))
                tokens.append("C:::1")
            return tuple(python), tokens
        elif kind == 6 and not any(isinstance(p, np.ndarray) for p in python):
            mask = rng.random(extent) < 0.5
            python.append(mask)
            tokens.append(mask)
            for rest in range(axis + 1, len(shape)):
                python.append(slice(None))
                tokens.append("C:::1")
            return tuple(python), tokens
        else:
            python.append(slice(None))
            tokens.append("C:::1")
        axis += 1
    return tuple(python), tokens


def add_shapes(cases, Drawn, wanted):
    rng = cases.rng
    for _ in range(300 if wanted("get_items") else 0):
        shape = tuple(rng.integers(1, 7, rng.integers(1, 5)))
        a = strided(rng, Drawn, shape, DTYPES[rng.integers(len(DTYPES))])
        python, tokens = index_of(rng, shape, Drawn)
        cases.add("get_items", lambda: a.value[python], a, *tokens)
        try:
            part = a.value[python]
        except (IndexError, ValueError):
            continue
        if any(isinstance(p, np.ndarray) for p in python) and part.size > 1:
            value = Drawn(draw(rng, (), a.value.dtype, special=False))  # places may come twice
        else:
            value = Drawn(draw(rng, broadcastable(rng, part.shape), "i4", special=False))

        def assigned():
            target = a.value.copy()
            target[python] = value.value.astype(target.dtype)
            return target

        cases.add("set_items", assigned, a, value, *tokens)
    a = strided(rng, Drawn, (4, 5), "f8")
    cases.add("get_items", lambda: a.value[7], a, "I:7")
    cases.add("get_items", lambda: a.value[:, np.array([5])], a, "C:::1", np.array([5]))
    cases.add("get_items", lambda: a.value[a.value > 0], a, a.value > 0)
    for dtype in DTYPES:
        a = strided(rng, Drawn, (6, 5, 4), dtype)
        which = rng.integers(-5, 5, (2, 3))
        for axis in range(3):
            extent = a.value.shape[axis]
            at = rng.integers(-extent, extent, (2, 3))
            cases.add("take", lambda: np.take(a.value, at, axis), a, at, f"I:{axis}")
            far = rng.integers(-20, 20, 7)
            for mode in ("wrap", "clip", "raise"):
                cases.add("take", lambda: np.take(a.value, far, axis, mode=mode), a, far, f"I:{axis}", f"T:{mode}")
            order = np.argsort(rng.random(a.value.shape), axis)
            cases.add("take_along_axis", lambda: np.take_along_axis(a.value, order, axis), a, order, f"I:{axis}")
            condition = rng.random(extent) < 0.5
            cases.add("compress", lambda: np.compress(condition, a.value, axis), condition, a, f"I:{axis}")
            cases.add("repeat", lambda: np.repeat(a.value, 3, axis), a, "L:3", f"I:{axis}")
            counts = rng.integers(0, 3, extent)
            if extent > 1:
                cases.add("repeat", lambda: np.repeat(a.value, counts, axis), a, "L:" + ",".join(map(str, counts)), f"I:{axis}")
            cases.add("roll", lambda: np.roll(a.value, 7, axis), a, "I:7", f"I:{axis}")
            gone = sorted(set(rng.integers(-extent, extent, 3).tolist()))
            cases.add("delete", lambda: np.delete(a.value, gone, axis), a, "L:" + ",".join(map(str, gone)), f"I:{axis}")
            where = rng.integers(0, extent + 1, 2)
            cases.add("insert", lambda: np.insert(a.value, where, 1, axis), a, "L:" + ",".join(map(str, where)), np.array(1, dtype), f"I:{axis}")
            b = strided(rng, Drawn, a.value.shape, DTYPES[rng.integers(len(DTYPES))])
            cases.add("concatenate", lambda: np.concatenate([a.value, b.value], axis), f"I:{axis}", a, b)
            cases.add("stack", lambda: np.stack([a.value, b.value], axis), f"I:{axis}", a, b)
        mask = rng.random(a.value.shape) < 0.4
        cases.add("masked", lambda: a.value[mask], a, mask)
        cases.add("nonzero", lambda: np.nonzero(a.value), a)
        cases.add("argwhere", lambda: np.argwhere(a.value), a)
        cases.add("tile", lambda: np.tile(a.value, (2, 1, 3)), a, "L:2,1,3")
        cases.add("tile", lambda: np.tile(a.value, (2, 1, 1, 3)), a, "L:2,1,1,3")
        cases.add("rot90", lambda: np.rot90(a.value, 3), a, "I:3")
        cases.add("moveaxis", lambda: np.moveaxis(a.value, 0, -1), a, "I:0", "I:-1")
        for k in (-2, 0, 1):
            cases.add("tril", lambda: np.tril(a.value, k), a, f"I:{k}")
            cases.add("triu", lambda: np.triu(a.value, k), a, f"I:{k}")
            cases.add("diagonal", lambda: np.diagonal(a.value, k, 0, 2), a, f"I:{k}", "I:0", "I:2")
            cases.add("diag", lambda: np.diag(a.value[0], k), Drawn(a.value[0].copy()), f"I:{k}")
            if dtype.kind not in "fc":
                cases.add("trace", lambda: np.trace(a.value, k), a, f"I:{k}")
        cases.add("reshape", lambda: a.value.reshape(5, -1, 2), a, "L:5,-1,2")
        cases.add("reshape", lambda: a.value.reshape(7, -1), a, "L:7,-1")
    add_pads(cases, Drawn, rng)
    for arguments in ((0, 10, 1), (3, -2, -0.5), (1, 1, 1), (0, 1, 0.1)):
        cases.add("arange", lambda: np.arange(*map(float, arguments)), *(f"F:{v}" for v in arguments))
    for arguments in ((0, 1, 7), (2, 2, 3), (5, -3, 1), (0, 1, 0)):
        for end in (True, False):
            cases.add("linspace", lambda: np.linspace(*arguments, endpoint=end), f"F:{arguments[0]}", f"F:{arguments[1]}", f"I:{arguments[2]}",
                      f"I:{int(end)}")
    for k in (-1, 0, 2):
        cases.add("eye", lambda: np.eye(3, 4, k), "I:3", "I:4", f"I:{k}")
    flat = rng.integers(0, 24, (3, 2))
    cases.add("unravel_index", lambda: np.unravel_index(flat, (2, 3, 4)), flat, "L:2,3,4")


def add_pads(cases, Drawn, rng):
    for dtype in ("i4", "f8", "u1", "c16"):
        for shape in ((7,), (4, 5), (1, 3)):
            a = strided(rng, Drawn, shape, dtype, special=False)
            widths = rng.integers(0, 9, (len(shape), 2))
            token = "L:" + ",".join(map(str, widths.ravel()))
            for mode in ("constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap"):
                if dtype == "c16" and mode in ("median", "linear_ramp") or dtype == "u1" and mode == "linear_ramp":
                    continue
                more, extra = {}, ["N:", "N:", "N:"]
                if mode == "constant":
                    more, extra = {"constant_values": 3}, ["F:3", "N:", "N:"]
                if mode == "linear_ramp":
                    more, extra = {"end_values": -2}, ["F:-2", "N:", "N:"]
                cases.add("pad", lambda: np.pad(a.value, widths, mode, **more), a, token, f"T:{mode}", *extra, rtol=1e-12)
                if mode in ("maximum", "mean", "minimum"):
                    cases.add("pad", lambda: np.pad(a.value, widths, mode, stat_length=2), a, token, f"T:{mode}", "N:", "I:2", "N:", rtol=1e-12)
                if mode in ("reflect", "symmetric") and dtype != "u1":
                    few = np.minimum(widths, np.array(shape)[:, None] - 1)  # wider ones: docs/ndarray.md
                    less = "L:" + ",".join(map(str, few.ravel()))
                    cases.add("pad", lambda: np.pad(a.value, few, mode, reflect_type="odd"), a, less, f"T:{mode}", "N:", "N:", "I:1", rtol=1e-12)


def all_cases(cases, Drawn, only):
    def wanted(name):
        return only is None or only == name

    add_elementwise(cases, Drawn, wanted)
    add_reductions(cases, Drawn, wanted)
    add_shapes(cases, Drawn, wanted)
    add_sorting(cases, Drawn, draw, strided, DTYPES)
    add_algebra(cases, Drawn, draw, strided)
    if only is not None:
        kept = [i for i, line in enumerate(cases.lines) if line.split("\t")[0] == only]
        cases.lines = [cases.lines[i] for i in kept]
        cases.expected = [cases.expected[i] for i in kept]
