#!/usr/bin/env python3
"""Runs a cluster and the real Prometheus, which finds the cluster's nodes by its scheduler, and asks it for what we ship.

    check_prometheus.py TROUPE PROMETHEUS PROMTOOL FAKE_NVML_DIR

Every node has to be scraped, every rule evaluated, every query of every panel of every board has to return data, and an
alert has to fire when its fault is made. Workers find a library in FAKE_NVML_DIR that tells of graphics processors.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

PATIENCE_S = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, condition):
    """Asks again until the answer is true; what it was last is the error."""
    end = time.monotonic() + PATIENCE_S
    answer = None
    while time.monotonic() < end:
        answer = condition()
        if answer is True or (answer and not isinstance(answer, str)):
            return answer
        time.sleep(0.1)
    raise SystemExit(f"waited in vain for {what}: {answer}")


class Cluster:
    """A scheduler, three workers, and some work done."""

    def __init__(self, troupe, directory, fake_nvml):
        self.troupe, self.directory, self.started = troupe, directory, []
        self.environment = {**os.environ, "TROUPE_ACCESS_FILE": str(directory / "access.json"),
                            "XDG_STATE_HOME": str(directory), "TROUPE__WORKER__NANNY": "false",
                            "LD_LIBRARY_PATH": fake_nvml}
        self.scheduler = self.start("scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        for number in (1, 2, 3):
            self.start("worker", "--name", f"w{number}", "--nthreads", "1", "--http-port", "0")

    def start(self, *arguments, before=()):
        process = subprocess.Popen([*before, self.troupe, *arguments, "-o", "json"], stdout=subprocess.PIPE, text=True,
                                   stderr=subprocess.DEVNULL, env=self.environment)
        self.started.append(process)
        line = process.stdout.readline()
        assert line, f"troupe {arguments[0]} did not start"
        process.ready = json.loads(line)
        return process

    def run(self, *arguments):
        return subprocess.run([self.troupe, *arguments], check=True, capture_output=True, text=True,
                              env=self.environment).stdout

    def work(self):
        text = self.directory / "text.txt"
        text.write_text("to be or not to be\n" * 20_000)
        self.run("demo", "wordcount", str(text), "--block-size", "8KiB")

    def start_on_full_disk(self):
        """A worker with a file system of its own for values, which is full; None where this may mount none."""
        disk = self.directory / "disk"
        disk.mkdir()
        mount = f'mount -t tmpfs -o size=8m,mode=700 none {disk} && head -c 7600k /dev/zero > {disk}/others && exec "$0" "$@"'
        before = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
        if subprocess.run([*before, mount, "true"], stderr=subprocess.DEVNULL).returncode != 0:
            return None
        return self.start("worker", "--name", "full", "--nthreads", "1", "--http-port", "0", "--local-directory",
                          str(disk), before=[*before, mount])

    def submit(self):
        """Work that goes on until it is stopped."""
        return subprocess.Popen([self.troupe, "demo", "wordcount", str(self.directory / "text.txt")],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment)

    def stop(self):
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
        for process in self.started:
            process.wait(30)


class Prometheus:
    def __init__(self, program, directory):
        self.port = free_port()
        self.process = subprocess.Popen(
            [program, "--config.file", str(directory / "prometheus.yml"), "--storage.tsdb.path",
             str(directory / "data"), "--web.listen-address", f"127.0.0.1:{self.port}", "--log.level", "error"],
            cwd=directory)

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, ConnectionError) as error:
            return {"error": str(error)}

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def check_boards(boards):
    """What Grafana would stumble over; returns the queries."""
    queries, ids = [], set()
    for name, board in boards.items():
        assert board["uid"] not in ids, f"{name}: uid is not its own"
        ids.add(board["uid"])
        assert board["schemaVersion"] >= 36 and board["title"], name
        variables = {variable["name"] for variable in board["templating"]["list"]}
        places, numbers = set(), set()
        for panel in board["panels"]:
            where = f"{name}: {panel['title']}"
            place = panel["gridPos"]
            assert 0 <= place["x"] and place["x"] + place["w"] <= 24 and place["h"] > 0, where
            assert (place["x"], place["y"]) not in places and panel["id"] not in numbers, where
            places.add((place["x"], place["y"]))
            numbers.add(panel["id"])
            assert panel["targets"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"], where
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), where
            for target in panel["targets"]:
                used = set(re.findall(r"\$\{(\w+)\}", json.dumps(target)))
                assert used <= variables, f"{where}: {used - variables} is no variable of the board"
                queries.append((where, target["expr"]))
            for link in panel["links"]:
                assert link["url"].startswith("${dashboard}/"), where
    return queries


def check_shipped_queries_as_rules(promtool, directory, queries):
    """Each query as a recording rule, so that promtool reads it."""
    lines = ["groups:", "  - name: panels", "    rules:"]
    for number, (_, expression) in enumerate(queries):
        lines += [f"      - record: panel:query:n{number}", f"        expr: {json.dumps(expression)}"]
    path = directory / "panels.rules.yml"
    path.write_text("\n".join(lines) + "\n")
    subprocess.run([promtool, "check", "rules", str(path)], check=True, capture_output=True)


def firing(prometheus, alert):
    alerts = prometheus.ask("alerts").get("alerts", [])
    return any(each["labels"]["alertname"] == alert and each["state"] == "firing" for each in alerts)


def main(troupe, prometheus_program, promtool, fake_nvml):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        cluster = Cluster(troupe, directory, fake_nvml)
        prometheus = None
        try:
            shipped = directory / "prometheus"
            cluster.run("metrics", "export-rules", str(shipped))
            for check in (["check", "rules", "troupe.rules.yml"], ["test", "rules", "troupe.rules.test.yml"]):
                subprocess.run([promtool, *check], check=True, cwd=shipped, capture_output=True)
            # As shipped but for the port, and for the patience of a test.
            config = (shipped / "prometheus.yml").read_text().replace("127.0.0.1:8787",
                                                                      cluster.scheduler.ready["http"][len("http://"):])
            (shipped / "prometheus.yml").write_text(re.sub(r"interval: 15s", "interval: 1s", config))
            rules = (shipped / "troupe.rules.yml").read_text()
            rules = re.sub(r"for: \d+m", "for: 1s", rules)
            (shipped / "troupe.rules.yml").write_text(rules.replace("queue_age_seconds) > 1800", "queue_age_seconds) > 1"))
            (shipped / "troupe.token").write_text(cluster.run("dashboard", "--token").strip())
            subprocess.run([promtool, "check", "config", "prometheus.yml"], check=True, cwd=shipped,
                           capture_output=True)
            prometheus = Prometheus(prometheus_program, shipped)

            def all_up():
                targets = prometheus.ask("targets").get("activeTargets", [])
                up = sorted((t["labels"]["troupe_role"], t["labels"].get("troupe_worker", "")) for t in targets
                            if t["health"] == "up")
                wanted = [("scheduler", ""), ("worker", "w1"), ("worker", "w2"), ("worker", "w3")]
                return True if up == wanted else f"up are {up}"

            until("all nodes to be scraped", all_up)

            cluster.run("metrics", "export-grafana", str(directory / "grafana"))
            boards = {path.stem: json.loads(path.read_text())
                      for path in sorted((directory / "grafana/dashboards").glob("*.json"))}
            assert len(boards) >= 6, sorted(boards)
            queries = check_boards(boards)
            check_shipped_queries_as_rules(promtool, directory, queries)
            cluster.work()

            def data_of(expression):
                result = prometheus.ask("query", query=expression).get("result", [])
                return True if result else f"no data for {expression}"

            for where, expression in queries:
                until(where, lambda expression=expression: data_of(expression))
            print(f"{len(queries)} queries of {len(boards)} boards return data")

            finished = "sum(troupe_scheduler_tasks_finished_total)"
            counted = "sum(troupe_scheduler_task_duration_seconds_count)"

            def equal():
                values = [prometheus.ask("query", query=query)["result"][0]["value"][1] for query in (finished, counted)]
                return True if values[0] == values[1] and float(values[0]) > 0 else f"{values}"

            until("durations of all tasks to be counted", equal)

            def value_of(expression):
                result = prometheus.ask("query", query=expression).get("result", [])
                return float(result[0]["value"][1]) if result else None

            # What a worker tells of itself, and what it tells the scheduler.
            for expression, right in (
                    ("min(troupe_worker_heartbeat_rtt_seconds_count)", lambda value: value > 0),
                    ("min(troupe_worker_latency_seconds)", lambda value: 0 < value < 10),
                    ("max(abs(troupe_worker_clock_skew_seconds))", lambda value: value < 10),
                    ("max(troupe_scheduler_worker_clock_skew_seconds)", lambda value: 0 < value < 10),
                    ('min(troupe_worker_gpu_utilization_ratio{device="0"})', lambda value: value == 0.42),
                    ('min(troupe_worker_gpu_memory_own_bytes{device="0"})', lambda value: value == 2 ** 30),
                    ("count(troupe_worker_gpu_info)", lambda value: value == 6),
                    ("min(troupe_worker_spill_disk_free_bytes)", lambda value: value > 0)):
                def holds(expression=expression, right=right):
                    value = value_of(expression)
                    return True if value is not None and right(value) else f"{value}"
                until(expression, holds)

            groups = prometheus.ask("rules")["groups"]
            broken = [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]
            assert not broken, f"rules that cannot be evaluated: {broken}"
            assert not firing(prometheus, "TroupeSchedulerDown")
            assert not firing(prometheus, "TroupeSpillDiskNearlyFull")
            if cluster.start_on_full_disk():
                until("TroupeSpillDiskNearlyFull to fire", lambda: firing(prometheus, "TroupeSpillDiskNearlyFull"))
            else:
                print("no file system may be mounted here: TroupeSpillDiskNearlyFull was not made to fire")
            until("the queue to be young", lambda: not firing(prometheus, "TroupeQueueAgeHigh"))
            # Their workers are gone at once, and then there is work for none.
            for process in cluster.started[1:]:
                process.kill()
            waiting = cluster.submit()
            for alert in ("TroupeNoWorkersWithQueuedTasks", "TroupeWorkerLossRateHigh", "TroupeQueueAgeHigh"):
                until(f"{alert} to fire", lambda alert=alert: firing(prometheus, alert))
            assert not firing(prometheus, "TroupeSchedulerDown")
            waiting.kill()
            waiting.wait(30)
            cluster.started[0].kill()
            until("TroupeSchedulerDown to fire", lambda: firing(prometheus, "TroupeSchedulerDown"))
            print("alerts fire when the workers, and then the scheduler, are gone")
        finally:
            if prometheus:
                prometheus.stop()
            cluster.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
