#!/usr/bin/env python3
"""Checks that the documents say what is so: their fenced blocks, the commands and the paths they name.

    check_docs.py --names ROOT                     links, paths, TROUPE_ variables and tests exist; blocks have a language
    check_docs.py --commands ROOT BUILD TROUPE     presets, targets, scripts, sub-commands and flags exist
    check_docs.py --yaml ROOT                      scrape configurations are what promtool takes
    check_docs.py --extract ROOT DIRECTORY         writes the C++ blocks as files, and prints their names
    check_docs.py --run ROOT SOURCE PROGRAM        the program, built from SOURCE, prints what its block says it prints
    check_docs.py --self-test                      each kind of mistake is found

A C++ block with a main is a program, and says in a comment what it prints: `// prints 14`. Words in capitals, such as
COMMAND or PATH..., stand for what the reader puts there.
"""

import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
from typing import NamedTuple

LANGUAGES = ("cpp", "sh", "yaml", "text")
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.M | re.S)
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PLACEHOLDER = re.compile(r"^(?:-|[A-Z][A-Z_]*(?:\.\.\.)?)$")
FLAG = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
PROMTOOL = "promtool"


class Block(NamedTuple):
    document: str
    line: int
    language: str
    text: str

    @property
    def place(self):
        return f"{self.document}:{self.line}"


def documents(root):
    found = [root / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md") if (root / name).exists()]
    return found + sorted((root / "docs").rglob("*.md"))


def blocks(root):
    for path in documents(root):
        text = path.read_text()
        for match in FENCE.finditer(text):
            yield Block(path.relative_to(root).as_posix(), text.count("\n", 0, match.start()) + 1, match[1], match[2])


def prose(root):
    """Each document without its blocks, line by line: (place, document, line)."""
    for path in documents(root):
        text = FENCE.sub(lambda match: "\n" * match[0].count("\n"), path.read_text())
        # A span may be broken over two lines: they are looked at together, and the place is the first one.
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            if line.count("`") % 2 and number < len(lines):
                line = f"{line} {lines[number]}"
            yield f"{path.relative_to(root).as_posix()}:{number}", path, line


# ---- names ---------------------------------------------------------------------------------------------------------


def is_there(root, name):
    """A file, a folder, a pattern, or the name of a header and its source without their endings."""
    return any(root.glob(name.rstrip("/"))) or any(root.glob(f"{name}.*"))


def variables_of(root):
    """Every TROUPE_ name that a source, script or CMake file has, tests of this folder aside."""
    names = set()
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if parts[0] in ("build", ".git", "docs") or parts[:2] == ("tests", "docs") or "node_modules" in parts:
            continue
        if path.suffix in (".cpp", ".hpp", ".cmake", ".txt", ".sh", ".json", ".mjs") and path.is_file():
            names.update(re.findall(r"TROUPE_[A-Z_]+", path.read_text(errors="replace")))
    return names


def check_names(root):
    found = [f"{block.place}: a block needs one of the languages {', '.join(LANGUAGES)}"
             for block in blocks(root) if block.language not in LANGUAGES]
    rooms = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")} - {"build"}
    variables = variables_of(root)
    for place, path, line in prose(root):
        for target in LINK.findall(line):
            if "://" not in target and not (path.parent / target).exists():
                found.append(f"{place}: no {target}")
        for span in CODE_SPAN.findall(line):
            for word in span.replace('"', " ").split():
                # `bench/empty` may be anything; what begins with a folder of ours and a slash is a path of ours.
                if re.fullmatch(r"[\w.*/-]+", word) and word.split("/")[0] in rooms and "/" in word:
                    if "NNNN" not in word and not is_there(root, word):
                        found.append(f"{place}: no {word}")
    for place, _, line in prose(root):
        found += [f"{place}: nothing knows {name}" for name in re.findall(r"TROUPE_[A-Z_]+", line)
                  if name not in variables]
    return list(dict.fromkeys(found + check_tests(root)))


def test_names(root):
    cases = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.M)
    return {f"{suite}.{name}" for path in (root / "tests").rglob("*.cpp")
            for suite, name in cases.findall(path.read_text())}


def check_tests(root):
    """Where the last column of a table is `shown by`, each span in it is a test, and what is said to be so has one."""
    found = []
    tests = test_names(root)
    for path in documents(root):
        shown = False
        for number, line in enumerate(path.read_text().split("\n"), 1):
            place = f"{path.relative_to(root).as_posix()}:{number}"
            cells = [cell.strip() for cell in line.split("|")[1:-1]] if line.startswith("|") else []
            if not cells:
                shown = False
            elif cells[-1] == "shown by":
                shown = True
            elif shown and not set(line) <= set("|-: "):
                found += [f"{place}: no test {name}" for name in CODE_SPAN.findall(cells[-1]) if name not in tests]
                if not cells[-1] and not cells[-2].startswith("not yet"):
                    found.append(f"{place}: no test shows this")
    return found


# ---- commands ------------------------------------------------------------------------------------------------------


def commands_of(text):
    """The simple commands of a piece of shell, as lists of words; without variables set before them."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.wordchars += ":%,@"
        lexer.whitespace_split = True
        words = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";&|()"):
                while words and re.match(r"^\w+=", words[0]):
                    words.pop(0)
                if words:
                    yield words
                words = []
            else:
                words.append(word)


class Commands:
    """What commands of the documents may name. Asks the programs themselves, each question once."""

    def __init__(self, root, build, troupe):
        self.root = root
        self.troupe = troupe
        self.presets = {}
        if (root / "CMakePresets.json").exists():
            presets = json.loads((root / "CMakePresets.json").read_text())
            for kind in ("configurePresets", "buildPresets", "testPresets"):
                self.presets[kind] = {each["name"] for each in presets[kind] if not each.get("hidden")}
        self.build = build
        self.helps = {}

    def help_of(self, *command):
        """What the command prints when it is asked for help; None if it does not know itself."""
        if command not in self.helps:
            asked = subprocess.run([*command, "--help"], cwd=self.root, capture_output=True, text=True, timeout=60,
                                   stdin=subprocess.DEVNULL)
            self.helps[command] = asked.stdout if asked.returncode == 0 else None
        return self.helps[command]

    def missing_flags(self, words, known):
        flags = [word.split("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)]
        return [f"{words[0]} has no {flag}" for flag in flags if flag not in ("-h", "--help")
                and flag not in FLAG.findall(known)]

    def complaints(self, words):
        program = pathlib.PurePath(words[0])
        if program.name == "troupe" and (len(program.parts) == 1 or program.parts[0] == "build"):
            return self.of_troupe(words)
        if len(program.parts) > 1:
            return self.of_script(words)
        if program.name in ("cmake", "ctest"):
            return self.of_cmake(words)
        return []

    def of_troupe(self, words):
        preset = pathlib.PurePath(words[0]).parts[1:-1]
        if preset and preset[0] not in self.presets["configurePresets"]:
            return [f"no preset {preset[0]}"]
        command, text = [self.troupe], self.help_of(self.troupe)
        rest = words[1:]
        # As deep as there are sub-commands: `demo wordcount` is one, `status` another.
        while rest and "SUBCOMMAND" in text.split("\n\n")[0] and not rest[0].startswith("-"):
            if PLACEHOLDER.match(rest[0]):
                return []
            names = re.findall(r"^  ([a-z][\w-]*)\b", text.partition("\nSubcommands:")[2].partition("\n\n")[0], re.M)
            if rest[0] not in names:
                return [f"troupe has no {' '.join([*command[1:], rest[0]])}"]
            command.append(rest[0])
            text = self.help_of(*command)
            rest = rest[1:]
        found = self.missing_flags(["troupe", *rest], text)
        # A first argument that is one of a few words, as in `bench WORKLOAD`.
        choices = re.search(r"^  [A-Z_]+ TEXT:\{([\w,-]+)\} REQUIRED", text.partition("\nPositionals:")[2], re.M)
        if choices and rest and not PLACEHOLDER.match(rest[0]) and rest[0] not in choices[1].split(","):
            found.append(f"{' '.join(['troupe', *command[1:]])} has no {rest[0]}")
        return found

    def of_script(self, words):
        path = self.root / words[0]
        if not path.is_file():
            return [f"no {words[0]}"]
        if not path.stat().st_mode & 0o100:
            return [f"{words[0]} is not executable"]
        # Only who knows --help is asked for it; of the others the text says what they take.
        text = path.read_text()
        known = self.help_of(f"./{words[0]}") if "--help" in text else text
        return self.missing_flags(words, known or "")

    def of_cmake(self, words):
        found = []
        rest = words[1:]
        kind = "testPresets" if words[0] == "ctest" else "buildPresets" if "--build" in rest else "configurePresets"
        for flag, value in zip(rest, rest[1:]):
            if flag == "--preset" and value not in self.presets[kind]:
                found.append(f"no preset {value} for {words[0]}")
            if flag in ("-t", "--target") and value not in self.targets():
                found.append(f"no target {value}")
            if flag == "-R" and not any(re.search(value, name) for name in self.tests()):
                found.append(f"no test {value}")
            if flag == "-L" and not any(re.search(value, label) for label in self.labels()):
                found.append(f"no label {value}")
        return found

    def targets(self):
        if not hasattr(self, "targets_"):
            listing = subprocess.run(["cmake", "--build", self.build, "--target", "help"], check=True,
                                     capture_output=True, text=True).stdout
            self.targets_ = set(re.findall(r"^(?:\.\.\. )?([^\s:]+)", listing, re.M))
        return self.targets_

    def tests(self):
        return test_names(self.root)

    def labels(self):
        return [label for path in (self.root / "tests").rglob("CMakeLists.txt")
                for label in re.findall(r"LABELS? (\w+)", path.read_text())] + ["unit"]


COMMAND_SPAN = re.compile(r"^(?:build/\w+/troupe|troupe|scripts/\S+\.sh|benchmarks/\S+\.sh|cmake --|ctest -)(?: |$)")


def check_commands(root, build, troupe):
    known = Commands(root, build, troupe)
    pieces = [(block.place, block.text) for block in blocks(root) if block.language == "sh"]
    for place, _, line in prose(root):
        pieces += [(place, span) for span in CODE_SPAN.findall(line) if COMMAND_SPAN.match(span)
                   # `troupe scheduler worker status`: a list of sub-commands, and `cmake --install`: a word for it.
                   and span not in ("troupe", "cmake --install")]
    found = []
    for place, text in pieces:
        for words in commands_of(text):
            found += [f"{place}: {reason}" for reason in known.complaints(words)]
    return list(dict.fromkeys(found))


# ---- yaml ----------------------------------------------------------------------------------------------------------


def check_yaml(root):
    found = []
    for block in blocks(root):
        if block.language != "yaml":
            continue
        if not re.search(r"^scrape_configs:", block.text, re.M):
            found.append(f"{block.place}: nobody checks yaml of this kind; say how in check_docs.py")
            continue
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write(block.text)
            file.flush()
            asked = subprocess.run([PROMTOOL, "check", "config", file.name], capture_output=True, text=True)
            if asked.returncode:
                found.append(f"{block.place}: {asked.stdout}{asked.stderr}")
    return found


# ---- programs ------------------------------------------------------------------------------------------------------


def programs(root):
    """The C++ blocks by the name of their file; one without a main is compiled only."""
    counts = {}
    for block in blocks(root):
        if block.language == "cpp":
            stem = block.document.replace("/", "_").removesuffix(".md")
            counts[stem] = counts.get(stem, 0) + 1
            kind = "program" if re.search(r"\bint main\(", block.text) else "part"
            yield f"{stem}_{counts[stem]}.{kind}.cpp", block


def extract(root, directory):
    directory.mkdir(parents=True, exist_ok=True)
    for name, block in programs(root):
        path = directory / name
        if not path.exists() or path.read_text() != block.text:
            path.write_text(block.text)
        print(name)


def run_program(root, source, program):
    block = dict(programs(root)).get(source.name)
    if block is None or source.read_text() != block.text:
        return [f"{source.name} is not the text that the documents have; build again"]
    expected = re.findall(r"// *prints ([^\n]+)", block.text)
    if not expected:
        return [f"{block.place}: the program does not say what it prints, as in: // prints 14"]
    ended = subprocess.run([program], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    if ended.returncode or ended.stdout.splitlines() != [line.strip() for line in expected]:
        return [f"{block.place}: ended with {ended.returncode} and printed\n{ended.stdout}{ended.stderr}"
                "instead of\n" + "\n".join(expected)]
    return []


# ---- self-test -----------------------------------------------------------------------------------------------------

FAKE_TROUPE = """#!/bin/sh
case "$*" in
  --help) printf 'A fake.\\nUsage: troupe [OPTIONS] SUBCOMMAND\\n\\nSubcommands:\\n  status   x\\n  bench    x\\n' ;;
  "status --help") printf 'x\\nUsage: troupe status [OPTIONS]\\n\\nOptions:\\n  -o,--output FORMAT\\n' ;;
  "bench --help") printf 'x\\nUsage: troupe bench WORKLOAD\\n\\nPositionals:\\n  WORKLOAD TEXT:{empty,tree} REQUIRED\\n' ;;
  *) exit 2 ;;
esac
"""

SOUND = """# A document
`scripts/go.sh --fast`, `troupe status -o json`, `troupe bench WORKLOAD`, [this](README.md), `scripts/`.
```sh
TROUPE_SEED=7 troupe bench tree && scripts/go.sh   # and a comment with --a-flag
cmake --preset dev
```
```yaml
scrape_configs:
  - job_name: troupe
```

| what | how | shown by |
|---|---|---|
| one | `same` | `Fake.IsThere`, `Fake.is_there_too` |
| two | not yet | |
"""

# A line that is added, and what is to be said of it.
MISTAKES = {
    "[gone](gone.md)": "no gone.md",
    "`scripts/gone.cpp`": "no scripts/gone.cpp",
    "TROUPE_GONE": "nothing knows TROUPE_GONE",
    "```\nno language\n```": "needs one of the languages",
    "`troupe statuses`": "troupe has no statuses",
    "`troupe status --colour`": "troupe has no --colour",
    "`troupe bench forest`": "troupe bench has no forest",
    "```sh\nls | build/none/troupe status\n```": "no preset none",
    "```sh\nscripts/gone.sh\n```": "no scripts/gone.sh",
    "```sh\nscripts/go.sh --slow\n```": "scripts/go.sh has no --slow",
    "```sh\ncmake --preset none\n```": "no preset none for cmake",
    "```yaml\nscrape_configs:\n  - jobs_name: x\n```": "jobs_name",
    "```yaml\nx: [\n```": "nobody checks yaml of this kind",
    "| three | same | `Fake.IsGone` |": "no test Fake.IsGone",
    "| three | same | |": "no test shows this",
}


def self_test():
    found = []
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for folder in ("docs", "scripts", "tests"):
            (root / folder).mkdir()
        (root / "tests/fake_test.cpp").write_text("TEST(Fake, IsThere) {}\nTEST_F(Fake,\n       is_there_too) {}\n")
        for name, text in (("scripts/go.sh", "#!/bin/sh\n# --fast: $TROUPE_SEED\n"), ("scripts/troupe", FAKE_TROUPE)):
            (root / name).write_text(text)
            (root / name).chmod(0o755)
        (root / "CMakePresets.json").write_text(json.dumps(
            {kind: [{"name": "dev"}] for kind in ("configurePresets", "buildPresets", "testPresets")}))

        def complaints(text):
            (root / "README.md").write_text(text)
            return (check_names(root) + check_commands(root, str(root), str(root / "scripts/troupe")) +
                    check_yaml(root))

        found += [f"of a sound document: {line}" for line in complaints(SOUND)]
        for mistake, reason in MISTAKES.items():
            if not any(reason in line for line in complaints(f"{SOUND}{mistake}\n")):
                found.append(f"not found: {mistake!r}")
        program = "// prints 3\nint main() {}\n"
        (root / "README.md").write_text(f"```cpp\n{program}```\n")
        source = root / "README_1.program.cpp"
        for text, says, fits in ((program, "3", True), (program, "4", False), (f"{program}//\n", "3", False)):
            source.write_text(text)
            (root / "program").write_text(f"#!/bin/sh\necho {says}\n")
            (root / "program").chmod(0o755)
            if (run_program(root, source, str(root / "program")) == []) != fits:
                found.append(f"a program that prints {says} for {text!r}")
    return found


def main(arguments):
    mode, rest = arguments[0], arguments[1:]
    if mode == "--self-test":
        found = self_test()
    else:
        root = pathlib.Path(rest[0]).resolve()
        if mode == "--extract":
            return extract(root, pathlib.Path(rest[1]))
        if mode == "--run":
            found = run_program(root, pathlib.Path(rest[1]), rest[2])
        else:
            check = {"--names": check_names, "--commands": check_commands, "--yaml": check_yaml}[mode]
            found = check(root, *rest[1:])
    print("\n".join(found) if found else "the documents say what is so")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
