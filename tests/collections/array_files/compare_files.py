#!/usr/bin/env python3
"""compare_files.py EVAL [--seed N]: files of arrays that zarr-python, h5py, NumPy and Dask write are read by EVAL, and
what EVAL writes is read by them. Types, chunks, regions and values are drawn."""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import dask.array as da
import h5py
import numcodecs
import numpy as np
import PIL.Image
import zarr

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
          "complex64", "complex128"]


class Eval:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


class Test:
    def __init__(self, program, directory, seed):
        self.eval = Eval(program)
        self.directory = directory
        self.rng = np.random.default_rng(seed)
        self.number = 0
        self.checked = 0
        self.failed = []

    def path(self, end=""):
        self.number += 1
        return self.directory / f"{self.number}{end}"

    def array(self, shape, dtype):
        dtype = np.dtype(dtype)
        if dtype.kind == "b":
            return self.rng.random(shape) < 0.5
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            return self.rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
        values = self.rng.normal(size=shape)
        if dtype.kind == "c":
            values = values + 1j * self.rng.normal(size=shape)
        values = np.array(values, dtype=dtype)
        if values.size > 2:
            values.flat[0], values.flat[1] = np.nan, -np.inf
        return values

    def shape(self):
        return tuple(int(n) for n in self.rng.integers(1, 14, self.rng.integers(1, 4)))

    def region(self, shape):
        """Slices, and the same for EVAL."""
        slices, texts = [], []
        for extent in shape:
            step = int(self.rng.choice([1, 1, 2, 3, -1, -2]))
            first, last = sorted(int(n) for n in self.rng.integers(0, extent, 2))
            indices = range(first, last + 1, step) if step > 0 else range(last, first - 1, step)
            slices.append(list(indices))
            texts.append(f"{indices[0]}:{len(indices)}:{step}")
        return np.ix_(*slices), ",".join(texts)

    def same(self, what, got, expected):
        self.checked += 1
        if got.dtype != expected.dtype or got.shape != expected.shape:
            self.failed.append(f"{what}: {got.dtype} {got.shape} instead of {expected.dtype} {expected.shape}")
        elif got.tobytes() != np.ascontiguousarray(expected).tobytes():
            self.failed.append(f"{what}: other values")

    def read(self, what, kind, path, expected):
        """The whole, and a region."""
        expected = np.asarray(expected)
        expected = expected.astype(expected.dtype.newbyteorder("="))
        whole = "all", expected
        cases = [whole]
        if expected.ndim and expected.size and kind not in ("stack", "picture"):
            chosen, text = self.region(expected.shape)
            cases.append((text, expected[chosen]))
        for region, wanted in cases:
            out = self.path(".npy")
            answer = self.eval.ask("read", kind, path, region, out)
            if answer != "ok":
                self.failed.append(f"{what}, {region}: {answer}")
                continue
            self.same(f"{what}, {region}", np.load(out), wanted)

    def write(self, what, kind, values, chunks, read):
        source, path = self.path(".npy"), self.path()
        np.save(source, values)
        answer = self.eval.ask("write", kind, path, source, ",".join(map(str, chunks)) or "-")
        if answer != "ok":
            self.failed.append(f"{what}: {answer}")
            return
        self.same(what, np.asarray(read(path)), values)
        self.read(what + ", read back", kind.split(":")[0] if not kind.startswith("hdf5") else kind.rsplit(":", 1)[0],
                  path, values)

    # -- what there is to compare

    def flat_files(self):
        for dtype in DTYPES:
            for order in "CF":
                for endian in "<>":
                    values = np.array(self.array(self.shape(), dtype), order=order)
                    values = values.astype(values.dtype.newbyteorder(endian))
                    path = self.path(".npy")
                    np.save(path, values)
                    self.read(f"npy {dtype} {order} {endian}", "npy", path, values)
            values = self.array((5, 7), dtype)
            for order in "CF":
                path = self.path(".raw")
                path.write_bytes(b"header!" + values.tobytes(order))
                self.read(f"raw {dtype} {order}", f"raw:{dtype}:5,7:7:{order}", path, values)
            self.write(f"npy {dtype}", "npy", self.array((9, 11), dtype), (4, 3), np.load)
        for shape in ((), (0,), (3, 0, 2)):
            path = self.path(".npy")
            np.save(path, np.zeros(shape))
            self.read(f"npy {shape}", "npy", path, np.zeros(shape))

    def stacks(self):
        for axis in (0, 1):
            values = self.array((7, 8), "float32")
            path = self.path()
            da.to_npy_stack(path, da.from_array(values, chunks=(3, 8) if axis == 0 else (7, 3)), axis=axis)
            self.read(f"stack by Dask, axis {axis}", "stack", path, values)
            self.write(f"stack, axis {axis}", f"stack:{axis}", values, (3, 3),
                       lambda path: da.from_npy_stack(str(path)).compute())

    def zarr_2(self):
        packers = [None, numcodecs.GZip(), numcodecs.Zlib(), numcodecs.BZ2(), numcodecs.LZMA(), numcodecs.Zstd(),
                   numcodecs.LZ4(), numcodecs.Blosc("zstd", shuffle=1), numcodecs.Blosc("lz4", shuffle=2)]
        for dtype in DTYPES:
            for packer in packers:
                values = self.array(self.shape(), dtype)
                chunks = tuple(max(1, n // 2) for n in values.shape)
                endian = str(self.rng.choice(["<", ">"]))
                path = self.path()
                stored = zarr.create_array(
                    path, shape=values.shape, chunks=chunks, dtype=values.dtype.newbyteorder(endian), zarr_format=2,
                    order=str(self.rng.choice(["C", "F"])), compressors=packer, filters=None, fill_value=0,
                    chunk_key_encoding={"name": "v2", "separator": str(self.rng.choice([".", "/"]))})
                stored[...] = values
                self.read(f"zarr 2 {dtype} {packer}", "zarr", path, values)

    def zarr_3(self):
        codecs = zarr.codecs
        packers = [None, codecs.GzipCodec(), codecs.ZstdCodec(), codecs.BloscCodec(cname="zlib"),
                   [codecs.ZstdCodec(), codecs.Crc32cCodec()], codecs.Crc32cCodec()]
        for dtype in DTYPES:
            for packer in packers:
                values = self.array(self.shape(), dtype)
                chunks = tuple(max(1, n // 2) for n in values.shape)
                turned = tuple(int(n) for n in self.rng.permutation(values.ndim))
                shards = tuple(2 * n for n in chunks) if self.rng.random() < 0.4 else None
                path = self.path()
                stored = zarr.create_array(
                    path, shape=values.shape, chunks=chunks, shards=shards, dtype=values.dtype, zarr_format=3,
                    filters=[codecs.TransposeCodec(order=turned)] if self.rng.random() < 0.5 else None,
                    serializer=codecs.BytesCodec(endian=str(self.rng.choice(["little", "big"])) if values.itemsize > 1 else None),
                    compressors=packer, fill_value=0)
                stored[...] = values
                self.read(f"zarr 3 {dtype} {packer} shards {shards}", "zarr", path, values)
        for dtype, fill in (("float32", np.nan), ("float64", -np.inf), ("int16", -7), ("bool", True),
                            ("complex64", 1 - 2j), ("uint64", 2**64 - 1)):
            for version in (2, 3):
                path = self.path()
                stored = zarr.create_array(path, shape=(5, 6), chunks=(2, 6), dtype=dtype, zarr_format=version,
                                           fill_value=fill)
                stored[2:4] = 1
                self.read(f"zarr {version} fill {dtype} {fill}", "zarr", path, stored[...])

    def zarr_writing(self):
        for version in (2, 3):
            for packer in ("none", "gzip", "zstd", "blosc"):
                for dtype in DTYPES:
                    values = self.array(self.shape(), dtype)
                    chunks = tuple(max(1, n // 2) for n in values.shape)
                    self.write(f"zarr {version} {packer} {dtype}", f"zarr:{version}:{packer}", values, chunks,
                               lambda path: zarr.open_array(path, mode="r")[...])
        self.write("zarr without axes", "zarr:3:zstd", np.float64(3.5), (), lambda p: zarr.open_array(p, mode="r")[...])

    def hdf5(self):
        for dtype in DTYPES:
            values = self.array(self.shape(), dtype)
            for options in ({}, {"chunks": tuple(max(1, n // 2) for n in values.shape), "compression": "gzip", "shuffle": True}):
                path = self.path(".h5")
                with h5py.File(path, "w") as file:
                    file.create_dataset("group/data", data=values, **options)
                    if values.dtype.kind in "iuf":
                        file.create_dataset("big", data=values.astype(values.dtype.newbyteorder(">")))
                self.read(f"hdf5 {dtype} {options}", "hdf5:group/data", path, values)
                if values.dtype.kind in "iuf":
                    self.read(f"hdf5 {dtype} big-endian", "hdf5:big", path, values)
            chunks = tuple(max(1, n // 2) for n in values.shape)
            for level in (0, 4):
                self.write(f"hdf5 {dtype} level {level}", f"hdf5:a/b:{level}", values, chunks,
                           lambda path: h5py.File(path)["a/b"][...])

    def pictures(self):
        """Pixels, also of palettes and bits; JPEG's are compared with what the same library gave Pillow."""
        rows, columns = 13, 17
        for mode, channels in (("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)):
            shape = (rows, columns, channels)[:2 if channels == 1 else 3]
            values = self.rng.integers(0, 256, shape, dtype="uint8")
            for options in ({}, {"optimize": True}):
                path = self.path(".png")
                PIL.Image.fromarray(values, mode).save(path, **options)
                self.read(f"png {mode}", "picture", path, values)
            source, path = self.path(".npy"), self.path(".png")
            np.save(source, values)
            self.eval.ask("write", "png", path, source, "-")
            self.same(f"png {mode} written", np.asarray(PIL.Image.open(path)), values)
        deep = self.rng.integers(0, 65536, (rows, columns), dtype="uint16")
        path = self.path(".png")
        PIL.Image.fromarray(deep).save(path)
        self.read("png of 16 bits", "picture", path, deep)
        picture = PIL.Image.fromarray(self.rng.integers(0, 256, (rows, columns, 3), dtype="uint8"))
        for converted, name in ((picture.convert("P"), "palette"), (picture.convert("1"), "bits")):
            path = self.path(".png")
            converted.save(path)
            self.read(f"png {name}", "picture", path, np.asarray(converted.convert("RGB" if name == "palette" else "L")))
        for mode in ("L", "RGB"):
            path = self.path(".jpg")
            picture.convert(mode).resize((64, 48)).save(path, quality=90)
            out = self.path(".npy")
            answer = self.eval.ask("read", "picture", path, "all", out)
            if answer != "ok":
                self.failed.append(f"jpeg {mode}: {answer}")
                continue
            got, expected = np.load(out), np.asarray(PIL.Image.open(path))
            self.checked += 1
            if got.shape != expected.shape or np.abs(got.astype(int) - expected.astype(int)).max() > 2:
                self.failed.append(f"jpeg {mode}: other pixels")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("eval")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="array-files-"))
    try:
        test = Test(arguments.eval, directory, arguments.seed)
        for group in (test.flat_files, test.stacks, test.zarr_2, test.zarr_3, test.zarr_writing, test.hdf5,
                      test.pictures):
            group()
    finally:
        shutil.rmtree(directory)
    for line in test.failed[:40]:
        print(line)
    print(f"{test.checked} compared, {len(test.failed)} failed")
    sys.exit(bool(test.failed) or test.checked < 500)


if __name__ == "__main__":
    main()
