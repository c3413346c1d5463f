#!/usr/bin/env python3
"""Checks the boards that `troupe metrics` writes against a schema, and links of boards and rules against the runbook.

    check_boards.py TROUPE SCHEMA RUNBOOK

To be run by a Python that has jsonschema.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema


def main(troupe, schema, runbook):
    validator = jsonschema.Draft202012Validator(json.loads(pathlib.Path(schema).read_text()))
    sections = {title.lower() for title in re.findall(r"^### (\w+)$", pathlib.Path(runbook).read_text(), re.M)}
    with tempfile.TemporaryDirectory() as name:
        for what in ("export-grafana", "export-rules"):
            subprocess.run([troupe, "metrics", what, name, "--runbook-url", "https://wiki.example/runbook"], check=True,
                           capture_output=True)
        paths = sorted(pathlib.Path(name, "dashboards").glob("*.json"))
        rules = pathlib.Path(name, "troupe.rules.yml").read_text()
        linked = set(re.findall(r"runbook_url: https://wiki.example/runbook#(\w+)$", rules, re.M))
        wrong = [f"rules: {line}" for line in rules.splitlines() if "docs/runbook.md" in line]
        if len(linked) != rules.count("- alert:"):
            wrong.append("rules: not each alert has a section of its own")
        for path in paths:
            board = json.loads(path.read_text())
            wrong += [f"{path.name}: {error.json_path}: {error.message}" for error in validator.iter_errors(board)]
            runbooks = [v["query"] for v in board["templating"]["list"] if v["name"] == "runbook"]
            if runbooks != ["https://wiki.example/runbook"]:
                wrong.append(f"{path.name}: the runbook is at {runbooks}")
            linked |= {link["url"].partition("#")[2] for panel in board["panels"] for link in panel["links"]}
            # What is not as it must be is found.
            del board["panels"][0]["targets"][0]["expr"]
            assert not validator.is_valid(board), path.name
        wrong += [f"the runbook has no section {section}" for section in sorted(linked - sections - {""})]
        if wrong or len(paths) < 6:
            raise SystemExit("\n".join(wrong) or f"there are {len(paths)} boards")
        print(f"{len(paths)} boards are as the schema says")


if __name__ == "__main__":
    main(*sys.argv[1:])
