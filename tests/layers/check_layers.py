#!/usr/bin/env python3
"""Checks who includes whom: the table of rooms in ARCHITECTURE.md, as rules.

    check_layers.py [ROOT]            check a tree; prints each line that breaks a rule
    check_layers.py --self-test       check that each kind of mistake is found
    check_layers.py --public COMPILER ROOT INCLUDE_DIR...
                                      check what troupe/*.hpp pull in, directly or not

A header in quotes is one of ours, named from the root; what may be included is a list of prefixes. A header in angle
brackets is the standard library's, the system's, or of a library in LIBRARIES.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

# Libraries that are somebody's in particular; everything else in angle brackets is std or the system.
LIBRARIES = {
    "caf": ("caf/",),
    "capnp": ("capnp/", "kj/"),
    "boost": ("boost/",),
    "openssl": ("openssl/",),
    "fmt": ("fmt/",),
    "expected": ("tl/",),
    "prometheus": ("prometheus/",),
    "yaml": ("yaml-cpp/",),
    "spdlog": ("spdlog/",),
    "cli": ("CLI/",),
    "compression": ("zstd", "lz4", "zlib.h", "bzlib.h", "lzma.h", "snappy", "blosc.h"),
    "hdf5": ("hdf5.h",),
    "pictures": ("png.h", "jpeglib.h"),
    "simdjson": ("simdjson.h",),
    "avro": ("avro.h", "avro/"),
    "hash": ("xxhash.h",),
    "jemalloc": ("jemalloc/",),
    "symbols": ("elfutils/", "dwarf.h"),
    "numeric": ("cblas.h", "lapacke.h", "xtensor/", "xsimd/", "hwy/", "Random123/", "sleef.h", "arrow/"),
}
BASE = {"fmt", "expected"}

# What the core must not even see declared; the symbols are checked by check_purity.sh.
IMPURE_HEADERS = {
    "thread", "mutex", "shared_mutex", "condition_variable", "future", "semaphore", "latch", "barrier", "stop_token",
    "atomic", "fstream", "filesystem", "iostream", "ctime", "coroutine",
}

# Values of protocol: what is said, without how it is written down.
VALUES = tuple(f"protocol/{name}.hpp"
               for name in ("bytes", "error", "graph", "ids", "messages", "span", "task", "text", "time"))

# The first rule whose prefix fits a file holds for it: (files, ours that it may include, libraries too).
RULES = [
    ("protocol/codec", ("protocol/",), BASE | {"capnp"}),
    ("protocol/access", ("protocol/",), BASE | {"boost"}),
    ("protocol/secret", ("protocol/",), BASE | {"openssl"}),
    ("protocol/", ("protocol/",), BASE),
    ("runtime/core/", (*VALUES, "runtime/core/"), BASE),
    ("runtime/simulation/", ("protocol/", "runtime/core/", "runtime/simulation/"), BASE),
    ("runtime/exec/symbols", (*VALUES, "runtime/exec/", "runtime/store/"), BASE | {"symbols"}),
    # Runs on one machine go by the same static order as those of a scheduler.
    ("runtime/exec/", (*VALUES, "runtime/exec/", "runtime/store/", "runtime/core/order.hpp"), BASE | {"openssl"}),
    ("runtime/store/", (*VALUES, "runtime/store/"), BASE | {"compression", "hash"}),
    # The channel drives the session machine over a connection: the one machine below the actors.
    ("runtime/net/", ("protocol/", "runtime/net/", "runtime/core/session.hpp"), BASE | {"boost", "openssl"}),
    # A scheduler serves its own dashboard; what that shows, it reads by an interface of monitoring's.
    ("actors/", ("protocol/", "runtime/", "actors/", "troupe/", "monitoring/"),
     BASE | {"caf", "boost", "openssl", "compression", "hash"}),
    ("troupe/", (*VALUES, "troupe/", "runtime/", "actors/", "collections/"), BASE),
    ("collections/io/", (*VALUES, "runtime/store/", "collections/io/"), BASE | {"avro", "boost", "compression", "simdjson"}),
    # Bad requests are told as everywhere, by a header that needs nothing else of the actors.
    ("collections/ndarray/", (*VALUES, "runtime/store/", "collections/ndarray/", "actors/errors.hpp"),
     BASE | {"numeric"}),
    ("collections/array_files/", (*VALUES, "collections/array_files/", "collections/io/", "collections/ndarray/",
                                  "actors/errors.hpp"), BASE | {"boost", "compression", "hdf5", "pictures"}),
    ("collections/compute_config", (*VALUES, "collections/"), BASE | {"yaml"}),
    # Tells which call failed on a cluster, which programs that embed us need not.
    ("collections/compute.cpp", (*VALUES, "runtime/exec/", "collections/", "troupe/", "actors/graph_places.hpp"), BASE),
    ("collections/", (*VALUES, "runtime/exec/", "runtime/store/", "collections/", "troupe/"), BASE),
    ("monitoring/", (*VALUES, "protocol/query_messages.hpp", "protocol/secret.hpp", "runtime/core/probe.hpp",
                     "runtime/core/task_history.hpp", "runtime/core/views.hpp", "runtime/store/private_directory.hpp",
                     "monitoring/"),
     BASE | {"boost", "compression", "openssl", "prometheus"}),
    ("apps/", ("",), set(LIBRARIES)),
]

# An embedder sees Troupe, std, and the two vocabulary libraries.
HIDDEN_FROM_EMBEDDERS = ("caf", "capnp", "boost", "openssl", "prometheus", "yaml", "spdlog", "cli", "jemalloc")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def library_of(header):
    for library, prefixes in LIBRARIES.items():
        if header.startswith(prefixes):
            return library
    return None


def complaint(file, quote, header, rule):
    """Why `file` may not include `header`, or None."""
    prefix, ours, libraries = rule
    if quote == '"':
        if header.startswith("."):
            return "is not named from the root"
        if header.endswith(".capnp.h"):
            return None if "capnp" in libraries else "is Cap'n Proto's"
        return None if header.startswith(ours) else f"is not for {prefix}"
    library = library_of(header)
    if library and library not in libraries:
        return f"belongs to {library}, which is not for {prefix}"
    if prefix == "runtime/core/" and header in IMPURE_HEADERS:
        return "is not for code that only decides"
    return None


def check_tree(root):
    found = []
    for prefix in sorted({rule[0].split("/")[0] for rule in RULES}):
        for path in sorted((root / prefix).rglob("*.[ch]pp")):
            file = path.relative_to(root).as_posix()
            rule = next((rule for rule in RULES if file.startswith(rule[0])), None)
            if rule is None:
                found.append(f"{file}: in no room that check_layers.py knows")
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                reason = match and complaint(file, match[1], match[2], rule)
                if reason:
                    found.append(f"{file}:{number}: {match[2]} {reason}")
    return found


def check_public(compiler, root, include_dirs):
    """Follows troupe/*.hpp with the compiler itself, so that no macro or detour hides a header."""
    found = []
    headers = sorted((root / "troupe").glob("*.hpp"))
    if not headers:
        return ["troupe/: no public header"]
    hidden = tuple(f"/include/{prefix}" for library in HIDDEN_FROM_EMBEDDERS for prefix in LIBRARIES[library])
    for header in headers:
        command = [compiler, "-std=c++20", "-M", *(f"-I{path}" for path in (root, *include_dirs)), str(header)]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for path in listing.replace("\\\n", " ").split():
            if any(part in path for part in hidden) or path.endswith(".capnp.h"):
                found.append(f"{header.relative_to(root)}: reaches {path}")
    return found


def self_test():
    planted = {
        "protocol/codec.cpp": ("<caf/all.hpp>", "belongs to caf"),
        "protocol/ids.hpp": ('"runtime/core/session.hpp"', "is not for protocol/"),
        "runtime/core/session.hpp": ("<boost/asio.hpp>", "belongs to boost"),
        "runtime/core/place.cpp": ("<thread>", "only decides"),
        "runtime/core/story.cpp": ('"protocol/codec.hpp"', "is not for runtime/core/"),
        "runtime/core/explain.cpp": ('"protocol/messages.capnp.h"', "Cap'n Proto's"),
        "runtime/simulation/world.cpp": ('"runtime/net/connection.hpp"', "is not for runtime/simulation/"),
        "runtime/exec/pool.cpp": ('"actors/node.hpp"', "is not for runtime/exec/"),
        "runtime/store/spill.cpp": ('"../exec/pool.hpp"', "not named from the root"),
        "monitoring/page.cpp": ('"runtime/core/scheduler_state.hpp"', "is not for monitoring/"),
        "collections/bag.cpp": ("<cblas.h>", "belongs to numeric"),
        "troupe/troupe.hpp": ("<caf/actor.hpp>", "belongs to caf"),
        "runtime/mystery/what.cpp": ("<vector>", "in no room"),
    }
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for file, (header, _) in planted.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(f"#pragma once\n#include {header}\n#include <vector>\n")
        (root / "apps").mkdir()
        (root / "apps/main.cpp").write_text('#include <caf/all.hpp>\n#include "actors/node.hpp"\n')
        found = check_tree(root)
        missed = [file for file, (_, reason) in planted.items()
                  if not any(line.startswith(file) and reason in line for line in found)]
        if missed or len(found) != len(planted):
            return [f"not found as planted: {missed}", *found]
        # The compiler finds what is two headers away.
        (root / "troupe/troupe.hpp").write_text('#include "actors/far.hpp"\n')
        (root / "actors").mkdir()
        (root / "actors/far.hpp").write_text("#include <capnp/common.h>\n")
        if not any("capnp/common.h" in line for line in check_public("c++", root, [])):
            return ["a Cap'n Proto header behind another was not found"]
    return []


def main(arguments):
    if arguments[:1] == ["--self-test"]:
        found = self_test()
    elif arguments[:1] == ["--public"]:
        found = check_public(arguments[1], pathlib.Path(arguments[2]).resolve(), arguments[3:])
    else:
        found = check_tree(pathlib.Path(arguments[0] if arguments else ".").resolve())
    print("\n".join(found) if found else "every include is where it may be")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
