#!/usr/bin/env python3
"""Runs a cluster at work, and lets Schemathesis ask its API whatever docs/api/openapi.json allows, and what it does not.

    check_contract.py TROUPE LOAD MODULE CONTRACT [SECONDS] [SEED]

To be run by a Python that has Schemathesis.

No answer may be an error of the server, each has to be as the contract says, what the contract forbids has to be refused, and
without a token nothing is told. Acts are asked for too, but for those that would end the workers: these are of other tests.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import schemathesis


class Cluster:
    """A scheduler, workers, and a client that keeps them busy."""

    def __init__(self, troupe, load, module, directory):
        self.started = []
        self.environment = {**os.environ, "TROUPE_ACCESS_FILE": str(directory / "access.json"),
                            "XDG_STATE_HOME": str(directory)}
        self.troupe = troupe
        ready = self.start([troupe, "scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0", "-o", "json"])
        ready = json.loads(ready)
        self.url = ready["http"]
        self.token = self.run("dashboard", "--admin", "--token")
        self.start([troupe, "worker", "--nworkers", "2", "--nthreads", "1", "--http-port", "0", "--module", module, "-o",
                    "json"])
        self.start([load, str(directory / "access.json"), ready["address"].removeprefix("tcp://"), "load", "7",
                    str(directory)])
        while self.get("/api/v1/cluster")["totals"]["finished"] < 100:
            time.sleep(0.05)

    def start(self, command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   env=self.environment)
        self.started.append(process)
        line = process.stdout.readline()
        assert line, f"{command[0]} did not start"
        return line

    def run(self, *arguments):
        return subprocess.run([self.troupe, *arguments], check=True, capture_output=True, text=True,
                              env=self.environment).stdout.strip()

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def stop(self):
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
        for process in self.started:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def check_what_is_there(cluster, contract):
    """Answers about tasks and workers that there are, which nobody hits by drawing names."""
    schema = schemathesis.openapi.from_path(contract)
    headers = {"Authorization": f"Bearer {cluster.token}"}
    paths = json.loads(pathlib.Path(contract).read_text())["paths"]
    wanted = {path for path, methods in paths.items() if "get" in methods and ("{key}" in path or "{id}" in path)}
    answered = dict.fromkeys(wanted, 0)
    while not all(answered.values()):  # tasks are forgotten while they are asked for
        tasks = [task for state in ("processing", "memory", "erred", "waiting", "released")
                 for task in cluster.get(f"/api/v1/tasks?limit=3&state={state}")["tasks"]]
        named = [{"key": task["key"]} for task in tasks]
        named += [{"id": worker["id"]} for worker in cluster.get("/api/v1/workers")["workers"]]
        for path, names in ((path, names) for path in wanted for names in named):
            if "{" + next(iter(names)) + "}" not in path:
                continue
            response = schema[path]["GET"].Case(path_parameters=names).call(base_url=cluster.url, headers=headers)
            if response.status_code == 404 and "key" in names:
                continue
            assert response.status_code == 200, (path, names, response.text)
            schema[path]["GET"].validate_response(response)
            answered[path] += 1
    print(f"{sum(answered.values())} answers about what there is are as the contract says")


def main(troupe, load, module, contract, seconds="15", seed="1"):
    with tempfile.TemporaryDirectory() as name:
        cluster = Cluster(troupe, load, module, pathlib.Path(name))
        try:
            check_what_is_there(cluster, contract)
            # The stream does not end, and a profile takes its time: both are asked once, below and by other tests.
            left_out = ["/api/v1/stream", "/api/v1/profile", "/api/v1/workers/{id}/drain", "/api/v1/workers/{id}/restart"]
            # A body that is too large is refused as such, and there are questions at a time, beyond which others are not taken.
            pathlib.Path(name, "schemathesis.toml").write_text(
                '[checks.negative_data_rejection]\nexpected-statuses = ["4xx", "503"]\n'
                # That one of two parameters has to be before the other is said in words.
                + "".join(f'[[operations]]\ninclude-path = "{path}"\n'
                          'checks.positive_data_acceptance.enabled = false\n'
                          for path in ("/api/v1/task-stream", "/api/v1/runs", "/api/v1/profile/past",
                                       "/api/v1/profile/scheduler")))
            command = [str(pathlib.Path(sys.executable).parent / "schemathesis"), "run", str(pathlib.Path(contract).resolve()), "--url", cluster.url, "--header",
                       f"Authorization: Bearer {cluster.token}", "--phases",
                       "examples,coverage,fuzzing", "--max-time", seconds, "--max-examples", "20", "--seed", seed,
                       "--request-timeout", "20", "--suppress-health-check", "all", "--generation-database", "none",
                       "--warnings", "off", "--no-shrink"]
            for path in left_out:
                command += ["--exclude-path", path]
            done = subprocess.run(command, cwd=name, env={**os.environ, "NO_COLOR": "1"}, check=False)
            assert cluster.get("/api/v1/cluster")["totals"]["finished"] > 0
            sys.exit(done.returncode)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
