"""The table of all metrics in docs/metrics.md, and what nodes serve.

    metrics_reference.py DOCUMENT PAGE...

writes the table of DOCUMENT from PAGEs (files or http:// addresses): /metrics and /metrics/cluster of a scheduler, /metrics
of a worker. check() says where the two differ.
"""

import pathlib
import re
import sys
import urllib.request

BEGIN, END = "<!-- metrics: begin -->\n", "<!-- metrics: end -->\n"
HEAD = "| name | kind | unit | labels | what |\n|---|---|---|---|---|\n"


def read(place):
    if place.startswith("http://"):
        with urllib.request.urlopen(place, timeout=30) as answer:
            return answer.read().decode()
    return pathlib.Path(place).read_text()


def families(page):
    """By name: kind, help, and the labels of its series."""
    found = {}
    for line in page.splitlines():
        if line.startswith("# HELP "):
            name, _, text = line[7:].partition(" ")
            found[name] = {"help": text, "kind": "", "labels": set()}
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split()
            found.setdefault(name, {"help": "", "kind": "", "labels": set()})["kind"] = kind
        elif line and not line.startswith("#"):
            name = re.match(r"[a-z_0-9]+", line).group()
            for suffix in ("_bucket", "_count", "_sum"):
                base = name.removesuffix(suffix)
                if name.endswith(suffix) and found.get(base, {}).get("kind") == "histogram":
                    name = base
            labels = re.match(r"[a-z_0-9]+\{(.*)\} ", line)
            if labels:
                found[name]["labels"] |= set(re.findall(r'(?:^|,)([a-z_0-9]+)="', labels.group(1)))
    for family in found.values():
        family["labels"].discard("le")
    return found


def unit_of(name):
    base = name.removesuffix("_total").removesuffix("_per_second")
    return next((unit for unit in ("seconds", "bytes", "ratio") if base.endswith("_" + unit)), "")


def row(name, family):
    labels = ", ".join(f"`{label}`" for label in sorted(family["labels"]))
    text = family["help"].replace("\\n", " ").replace('\\"', '"').replace("|", "\\|")
    return f"| `{name}` | {family['kind']} | {unit_of(name)} | {labels} | {text} |\n"


def table(pages):
    """One row a family, in order; pages may have some in common."""
    rows = {}
    for page in pages:
        for name, family in families(page).items():
            if name in rows:
                family["labels"] |= rows[name]["labels"]
            rows[name] = family
    return HEAD + "".join(row(name, rows[name]) for name in sorted(rows) if not name.startswith("dask_"))


def check(document, pages):
    """Lines of the difference; empty if the document has it as it is."""
    text = pathlib.Path(document).read_text()
    written = set(text[text.index(BEGIN) + len(BEGIN):text.index(END)].splitlines())
    served = set(table(pages).splitlines())
    return [f"- {line}" for line in sorted(written - served)] + [f"+ {line}" for line in sorted(served - written)]


def main(document, *places):
    path = pathlib.Path(document)
    text = path.read_text()
    path.write_text(text[:text.index(BEGIN) + len(BEGIN)] + table([read(place) for place in places]) +
                    text[text.index(END):])


if __name__ == "__main__":
    main(*sys.argv[1:])
