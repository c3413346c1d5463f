"""Cases of sorting, counting, linear algebra and Fourier transforms."""

import numpy as np


def add_sorting(cases, Drawn, draw, strided, dtypes):
    rng = cases.rng
    for dtype in dtypes:
        for shape in ((7,), (300,), (5, 70), (70, 5), (3, 4, 50), (0,), (4, 1)):
            a = strided(rng, Drawn, shape, dtype, special=dtype.kind != "c")
            axis = int(rng.integers(len(shape)))
            cases.add("sort", lambda: np.sort(a.value, axis), a, f"I:{axis}")
            cases.add("argsort", lambda: np.argsort(a.value, axis, kind="stable"), a, f"I:{axis}")
            cases.add("unique", lambda: np.unique(a.value), a)

            def uniques():
                found = np.unique(a.value, return_index=True, return_inverse=True, return_counts=True)
                return found[0], found[1], found[2].reshape(a.value.shape), found[3]

            cases.add("unique_all", uniques, a)
        a = np.sort(draw(rng, 40, dtype, special=False))
        v = strided(rng, Drawn, (6, 9), dtype, special=False)
        for right in (0, 1):
            cases.add("searchsorted", lambda: np.searchsorted(a, v.value, "right" if right else "left"), a, v, f"I:{right}")
            if dtype.kind in "iuf":
                cases.add("digitize", lambda: np.digitize(v.value, a, bool(right)), v, a, f"I:{right}")
                cases.add("digitize", lambda: np.digitize(v.value, a[::-1], bool(right)), v, Drawn(a[::-1].copy()), f"I:{right}")
        b = draw(rng, 30, dtype, special=False)
        c = strided(rng, Drawn, (4, 6), dtype, special=False)
        for name in ("union1d", "intersect1d", "setdiff1d", "setxor1d"):
            cases.add(name, lambda: getattr(np, name)(b, c.value), b, c)
        for invert in (0, 1):
            cases.add("isin", lambda: np.isin(c.value, b, invert=bool(invert)), c, b, f"I:{invert}")
        if dtype.kind != "c":
            d = strided(rng, Drawn, (9, 8), dtype, special=False)
            for k in (3, -2):
                best = np.sort(d.value, 0)[::-1][:3] if k > 0 else np.sort(d.value, 0)[:2]
                cases.add("topk", lambda: best, d, f"I:{k}", "I:0")
    keys = [rng.integers(0, 3, 50) for _ in range(3)]
    cases.add("lexsort", lambda: np.lexsort(keys), *keys)
    add_quantiles(cases, Drawn, rng, draw, strided)
    add_counts(cases, Drawn, rng, draw)


def add_quantiles(cases, Drawn, rng, draw, strided):
    methods = """inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull linear
    median_unbiased normal_unbiased lower higher midpoint nearest""".split()
    q = np.array([0, 0.1, 0.25, 0.5, 0.77, 1.0])
    for dtype in ("f8", "f4", "i4", "u1"):
        for shape, axis in (((11,), None), ((6, 7), (0,)), ((3, 4, 5), (0, 2)), ((8, 1), (1,))):
            a = strided(rng, Drawn, shape, dtype, special=False)
            token = "N:" if axis is None else "L:" + ",".join(map(str, axis))
            for method in methods:
                cases.add("quantile", lambda: np.quantile(a.value, q, axis=axis, method=method), a, q, f"T:{method}", token, "I:0", rtol=1e-6 if dtype == "f4" else 1e-12,
                          atol=1e-6 if dtype == "f4" else 1e-14)
            cases.add("percentile", lambda: np.percentile(a.value, q * 100, axis=axis, keepdims=True), a, Drawn(q * 100), "T:linear", token, "I:1",
                      rtol=1e-5 if dtype == "f4" else 1e-12, atol=1e-14)
            b = strided(rng, Drawn, shape, dtype, special=dtype[0] == "f")
            cases.add("median", lambda: np.median(b.value, axis=axis), b, token, "I:0", rtol=1e-6 if dtype == "f4" else 1e-12)
            cases.add("nanmedian", lambda: np.nanmedian(b.value, axis=axis), b, token, "I:0", rtol=1e-6 if dtype == "f4" else 1e-12)


def add_counts(cases, Drawn, rng, draw):
    a = rng.integers(0, 20, 500)
    w = rng.normal(0, 1, 500)
    cases.add("bincount", lambda: np.bincount(a), a, "N:", "I:0")
    cases.add("bincount", lambda: np.bincount(a, w, 30), a, w, "I:30", atol=1e-12)
    cases.add("bincount", lambda: np.bincount(a - 5), Drawn(a - 5), "N:", "I:0")
    cases.add("bincount", lambda: np.bincount(np.array([], int), minlength=3), np.array([], int), "N:", "I:3")
    for dtype in ("f8", "f4", "i4", "u1"):
        x = draw(rng, (20, 50), dtype, special=False)
        for bins in (1, 7, 100):
            cases.add("histogram", lambda: np.histogram(x, bins), x, f"I:{bins}")
            cases.add("histogram", lambda: np.histogram(x, bins, (-2, 5)), x, f"I:{bins}", "G:-2,5")
            cases.add("histogram", lambda: np.histogram(x, bins, density=True), x, f"I:{bins}", "N:", "N:", "I:1")
        edges = np.array([-3, -1, 0, 0.5, 2, 9])
        cases.add("histogram_at", lambda: np.histogram(x, edges)[0], x, edges)
    y = rng.normal(0, 3, 500)
    cases.add("histogram", lambda: np.histogram(y, 9, weights=w), y, "I:9", "N:", w, rtol=1e-9, atol=1e-12)
    sample = rng.normal(0, 1, (300, 2))
    edges = [np.linspace(-2, 2, 6), np.linspace(-1, 3, 9)]
    cases.add("histogramdd", lambda: np.histogramdd(sample, edges)[0], sample, *edges)


def loose(dtype):
    return 1e-3 if np.dtype(dtype) in (np.float32, np.complex64) else 1e-9


def add_products(cases, Drawn, rng, draw, strided):
    dtypes = ["bool", "i1", "i8", "u4", "f4", "f8", "c8", "c16"]
    for x in dtypes:
        for y in (x, dtypes[rng.integers(len(dtypes))]):
            tolerance = max(loose(np.result_type(x, y)), 0)
            for s, t in (((5, 7), (7, 4)), ((7,), (7, 4)), ((5, 7), (7,)), ((7,), (7,)), ((2, 5, 7), (7, 4)), ((3, 1, 5, 7), (2, 7, 4)), ((5, 0), (0, 4)),
                         ((5, 7), (6, 4)), ((40, 50), (50, 30))):
                a = strided(rng, Drawn, s, x, special=False)
                b = strided(rng, Drawn, t, y, special=False)
                cases.add("matmul", lambda: np.matmul(a.value, b.value), a, b, rtol=tolerance, atol=1e-10)
                if len(s) < 3 and len(t) < 3 or len(s) == 2:
                    cases.add("dot", lambda: np.dot(a.value, b.value), a, b, rtol=tolerance, atol=1e-10)
            a = strided(rng, Drawn, (3, 4, 5), x, special=False)
            b = strided(rng, Drawn, (5, 3, 2), y, special=False)
            cases.add("tensordot", lambda: np.tensordot(a.value, b.value, ([2, 0], [0, 1])), a, b, "L:2,0", "L:0,1", rtol=tolerance, atol=1e-10)
            cases.add("outer", lambda: np.outer(a.value, b.value), a, b, rtol=tolerance)
            cases.add("kron", lambda: np.kron(a.value, b.value), a, b, rtol=tolerance)
            for text, shapes in (("ij,jk->ik", ((3, 4), (4, 5))), ("ij->ji", ((3, 4),)), ("ii->i", ((4, 4),)), ("ii", ((4, 4),)), ("ij,ij->", ((3, 4), (3, 4))),
                                 ("bij,bjk->bik", ((2, 3, 4), (2, 4, 5))), ("i,j,k->kji", ((2,), (3,), (4,))), ("ijk->k", ((2, 3, 4),)), ("ij,jk", ((3, 4), (4, 5))),
                                 ("...ij,...jk->...ik", ((2, 3, 4), (4, 5))), ("ij,kj,lk->il", ((2, 3), (4, 3), (5, 4))), ("iij,jk->ik", ((3, 3, 4), (4, 2))),
                                 ("ij,jk->ij", ((3, 4), (4, 5))), ("ij,jk->iz", ((3, 4), (4, 5))), ("ij,jk->ik", ((3, 4), (5, 5)))):
                operands = [strided(rng, Drawn, shape, (x, y, x)[i], special=False) for i, shape in enumerate(shapes)]
                cases.add("einsum", lambda: np.einsum(text, *(o.value for o in operands)), f"T:{text}", *operands, rtol=tolerance, atol=1e-10)
    for x in ("i8", "f8", "c16"):
        a = strided(rng, Drawn, (4, 3), x, special=False)
        b = strided(rng, Drawn, (4, 3), x, special=False)
        cases.add("cross", lambda: np.cross(a.value, b.value), a, b, rtol=1e-10, atol=1e-10)
        cases.add("vdot", lambda: np.vdot(a.value, b.value), a, b, rtol=1e-10, atol=1e-10)


def add_linalg(cases, Drawn, rng, draw, strided):
    for dtype in ("f8", "f4", "c16", "c8", "i4"):
        tolerance = loose(dtype)
        for shape in ((6, 6), (8, 5), (5, 8), (2, 4, 4), (1, 1), (4, 0)):
            a = strided(rng, Drawn, shape, dtype, special=False)
            value = a.value.astype(np.result_type(dtype, "f4")) if dtype != "i4" else a.value.astype(float)
            kind = value.dtype

            def same(product, what=value, kind=kind, tolerance=tolerance):
                scale = max(1.0, np.abs(what).max(initial=0))
                return None if product.dtype == kind and np.allclose(product, what, rtol=tolerance, atol=tolerance * 10 * scale) else "the factors do not give the matrix"

            cases.add("linalg.qr", None, a, check=lambda g, same=same: same(g[0] @ g[1]) or (None if np.allclose(np.tril(g[1], -1), 0) else "r is no triangle"))
            cases.add("linalg.svd", None, a, "I:0", check=lambda g, same=same, value=value, tolerance=tolerance: same((g[0] * g[1][..., None, :]) @ g[2]) or
                      (None if np.allclose(g[1], np.linalg.svd(value)[1], rtol=tolerance, atol=tolerance * 30) else "singular values"))
            cases.add("linalg.lu", None, a, check=lambda g, same=same, kind=kind: same((g[0] @ g[1] @ g[2]).astype(kind)))
            if shape[-1] == 0:
                continue
            if shape[-1] != shape[-2]:
                cases.add("linalg.solve", lambda: np.linalg.solve(a.value, np.ones(shape[-2])), a, np.ones(shape[-2]))
                cases.add("linalg.pinv", lambda: np.linalg.pinv(a.value, rcond=1e-15), a, rtol=tolerance * 100, atol=tolerance * 100)
                if len(shape) == 2:
                    b = draw(rng, shape[0], dtype, special=False)

                    def least():
                        x, residuals, rank, s = np.linalg.lstsq(a.value, b)
                        return x, residuals, np.int64(rank), s

                    cases.add("linalg.lstsq", least, a, b, rtol=tolerance * 100, atol=tolerance * 100)
                continue
            n = shape[-1]
            good = value + (10 * n * np.eye(n)).astype(kind)
            b = draw(rng, (*shape[:-1], 3), dtype, special=False)
            g = Drawn(good)
            cases.add("linalg.solve", lambda: np.linalg.solve(good, b), g, b, rtol=tolerance, atol=tolerance)
            cases.add("linalg.inv", lambda: np.linalg.inv(good), g, rtol=tolerance, atol=tolerance)
            cases.add("linalg.det", lambda: np.linalg.det(good), g, rtol=tolerance)
            cases.add("linalg.slogdet", lambda: tuple(np.linalg.slogdet(good)), g, rtol=tolerance)
            cases.add("linalg.matrix_rank", lambda: np.linalg.matrix_rank(good), g)
            cases.add("linalg.matrix_power", lambda: np.linalg.matrix_power(good, 3), g, "I:3", rtol=tolerance, atol=tolerance)
            positive = good @ np.conj(np.swapaxes(good, -1, -2))
            p = Drawn(positive)
            cases.add("linalg.cholesky", lambda: np.linalg.cholesky(positive), p, "I:0", rtol=tolerance, atol=tolerance * 100)
            cases.add("linalg.cholesky", lambda: np.linalg.cholesky(-positive), Drawn(-positive), "I:0")
            cases.add("linalg.eigvalsh", lambda: np.linalg.eigvalsh(positive), p, rtol=tolerance, atol=tolerance * 100)
            lower = np.tril(good)
            if len(shape) == 2:
                x = draw(rng, n, dtype, special=False)
                cases.add("linalg.solve_triangular", lambda: np.linalg.solve(lower, x), Drawn(lower), x, "I:1", "I:0", rtol=tolerance, atol=tolerance)

            def eigen(g, positive=positive, tolerance=tolerance):
                product = g[1] * g[0][..., None, :].astype(g[1].dtype)
                return None if np.allclose(positive @ g[1], product, rtol=tolerance * 10, atol=tolerance * 100 * np.abs(positive).max()) else "no eigenvectors"

            cases.add("linalg.eigh", None, p, check=eigen)
            cases.add("linalg.eig", None, p, check=eigen)
        v = strided(rng, Drawn, (4, 5), dtype, special=False)
        for order in ("", "fro", "nuc", "1", "-1", "2", "-2", "inf", "-inf"):
            number = order if order in ("fro", "nuc") else float(order) if order else None
            cases.add("linalg.norm", lambda: np.linalg.norm(v.value, number), v, f"T:{order}", "N:", "I:0", rtol=tolerance)
        for order in ("", "0", "1", "2", "3", "inf", "-inf"):
            number = float(order) if order else None
            cases.add("linalg.norm", lambda: np.linalg.norm(v.value, number, axis=1, keepdims=True), v, f"T:{order}", "L:1", "I:1", rtol=tolerance)
    singular = np.ones((3, 3))
    cases.add("linalg.inv", lambda: np.linalg.inv(singular), singular)
    add_hard_matrices(cases, Drawn, rng)


def add_hard_matrices(cases, Drawn, rng):
    """Matrices that need pivots from far away, larger than those above, and determinants beyond the range of numbers."""
    swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    zeros_on_diagonal = np.kron(swap, rng.normal(size=(12, 12)))
    mixed = np.roll(np.diag(np.arange(1.0, 21.0)), 7, axis=0)
    graded = rng.normal(size=(23, 23)) * 10.0 ** rng.integers(-6, 7, size=(23, 1))
    turned = rng.normal(size=(19, 19)) + 1j * rng.normal(size=(19, 19))
    for a in (swap, zeros_on_diagonal, mixed, graded, turned, rng.integers(-9, 9, size=(15, 15)), mixed.astype("f4")):
        tolerance = 1e-3 if a.dtype == "f4" else 1e-8
        g = Drawn(a)
        b = rng.normal(size=(len(a), 4)).astype(a.dtype if a.dtype == "f4" else "f8")
        cases.add("linalg.solve", lambda: np.linalg.solve(a, b), g, b, rtol=tolerance, atol=1e-10)
        cases.add("linalg.inv", lambda: np.linalg.inv(a), g, rtol=tolerance, atol=1e-10)
        cases.add("linalg.det", lambda: np.linalg.det(a), g, rtol=tolerance)
        cases.add("linalg.slogdet", lambda: tuple(np.linalg.slogdet(a)), g, rtol=tolerance)

        def factors(f, a=a):
            near = np.allclose(f[0] @ f[1] @ f[2], a, rtol=0, atol=1e-6 * np.abs(a).max())
            # The size of a complex pivot is that of both parts together.
            return None if near and np.abs(f[1]).max() <= 1.5 else "no factors by partial pivoting"

        cases.add("linalg.lu", None, g, check=factors)
    for diagonal in ([1e200, 1e200, 1e-200, -1e-200], [1e200] * 3, [1e-200] * 3, [1e30] * 12):
        a = np.diag(np.array(diagonal))
        cases.add("linalg.det", lambda: np.linalg.det(a), Drawn(a), rtol=1e-10)


def add_fft(cases, Drawn, rng, draw, strided):
    for dtype in ("f8", "f4", "c16", "c8", "i4"):
        tolerance = 1e-4 if dtype in ("f4", "c8") else 1e-10
        for n in (1, 2, 3, 4, 5, 6, 8, 15, 16, 17, 30, 37, 64, 77, 128, 131, 256, 360, 512, 1024, 1009):
            a = strided(rng, Drawn, (n,), dtype, special=False)
            for norm in ("backward", "ortho", "forward")[:1 if n > 64 else 3]:
                for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
                    cases.add(f"fft.{name}", lambda: getattr(np.fft, name)(a.value, norm=norm), a, "N:", "I:-1", f"T:{norm}", rtol=tolerance, atol=tolerance * n**0.5)
        for shape in ((5, 12), (12, 5), (9, 16, 3), (33, 32)):
            a = strided(rng, Drawn, shape, dtype, special=False)
            axis = int(rng.integers(len(shape)))
            for n in (7, 20):
                for name in ("fft", "ifft", "rfft", "irfft"):
                    cases.add(f"fft.{name}", lambda: getattr(np.fft, name)(a.value, n, axis), a, f"I:{n}", f"I:{axis}", "N:", rtol=tolerance, atol=tolerance * 10)
            for name in ("fftn", "ifftn", "rfftn", "irfftn"):
                cases.add(f"fft.{name}", lambda: getattr(np.fft, name)(a.value), a, "N:", "N:", "N:", rtol=tolerance, atol=tolerance * 100)
                cases.add(f"fft.{name}", lambda: getattr(np.fft, name)(a.value, (6, 7), (1, 0)), a, "L:6,7", "L:1,0", "N:", rtol=tolerance, atol=tolerance * 100)
            cases.add("fft.fftshift", lambda: np.fft.fftshift(a.value), a, "N:")
            cases.add("fft.ifftshift", lambda: np.fft.ifftshift(a.value, (0,)), a, "L:0")
    for n in (1, 8, 9):
        cases.add("fft.fftfreq", lambda: np.fft.fftfreq(n, 0.5), f"I:{n}", "F:0.5")
        cases.add("fft.rfftfreq", lambda: np.fft.rfftfreq(n, 0.5), f"I:{n}", "F:0.5")


def add_algebra(cases, Drawn, draw, strided):
    add_products(cases, Drawn, cases.rng, draw, strided)
    add_linalg(cases, Drawn, cases.rng, draw, strided)
    add_fft(cases, Drawn, cases.rng, draw, strided)
