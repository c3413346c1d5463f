#!/usr/bin/env python3
"""Runs a cluster and the real Prometheus, which finds the nodes by their scheduler, and asks it for what we ship.

    check_prometheus.py TROUPE PROMETHEUS PROMTOOL FAKE_NVML_DIR FAULT_CLIENT MODULE METRICS_DOCUMENT

Every node has to be scraped, every rule evaluated, every query of every panel of every board has to return data, and
each alert has to fire when its fault is made: by a real cluster, or where none does such a thing at will by a node that
only claims it. Workers find a library in FAKE_NVML_DIR that tells of graphics processors; FAULT_CLIENT makes faults
with functions of MODULE. METRICS_DOCUMENT has to list what nodes serve.
"""

import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True  # beside the sources

import metrics_reference  # noqa: E402

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

    def __init__(self, troupe, directory, fake_nvml, fault_client, module):
        self.troupe, self.directory, self.started, self.faults = troupe, directory, [], []
        self.fault_client, self.module = fault_client, module
        self.environment = {**os.environ, "TROUPE_ACCESS_FILE": str(directory / "access.json"),
                            "XDG_STATE_HOME": str(directory), "TROUPE__WORKER__NANNY": "false",
                            "LD_LIBRARY_PATH": fake_nvml}
        self.scheduler = self.start("scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        for number in (1, 2, 3):
            self.start("worker", "--name", f"w{number}", "--nthreads", "1", "--http-port", "0", "--module", module)

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
        mount = (f"mount -t tmpfs -o size=8m,mode=700 none {disk} && head -c 7600k /dev/zero > {disk}/others"
                 ' && exec "$0" "$@"')
        before = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
        if subprocess.run([*before, mount, "true"], stderr=subprocess.DEVNULL).returncode != 0:
            return None
        return self.start("worker", "--name", "full", "--nthreads", "1", "--http-port", "0", "--local-directory",
                          str(disk), "--module", self.module, "--memory-limit", "256MiB", before=[*before, mount])

    def make(self, *fault):
        """A fault that lasts until it is ended."""
        process = subprocess.Popen([self.fault_client, str(self.directory / "access.json"), *map(str, fault)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   env=self.environment)
        self.faults.append(process)
        assert process.stdout.readline() == "ready\n", fault
        return process

    def stop(self):
        for process in self.faults:
            process.kill()
            process.wait(30)
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
        for process in self.started:
            process.wait(30)


class FakeNode(http.server.BaseHTTPRequestHandler):
    """Claims to be of another version, to have lost metrics, and to have a loop that is late; from `faulty` on."""

    faulty = False
    scrapes = 0

    def do_GET(self):
        page = ""
        if FakeNode.faulty:
            FakeNode.scrapes += 1
            late = 1000 * FakeNode.scrapes
            page = ('# TYPE troupe_build_info gauge\ntroupe_build_info{version="0.0.0-other"} 1\n'
                    "# TYPE troupe_scrape_errors_total counter\n"
                    f"troupe_scrape_errors_total {FakeNode.scrapes}\n"
                    "# TYPE troupe_event_loop_lag_seconds histogram\n"
                    'troupe_event_loop_lag_seconds_bucket{le="1.048576"} 0\n'
                    f'troupe_event_loop_lag_seconds_bucket{{le="4.194304"}} {late}\n'
                    f'troupe_event_loop_lag_seconds_bucket{{le="+Inf"}} {late}\n'
                    f"troupe_event_loop_lag_seconds_sum {3 * late}\ntroupe_event_loop_lag_seconds_count {late}\n")
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_):
        pass


def serve_fake_node():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeNode)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_port}"


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
    """What Grafana would stumble over, but for what a schema tells (check_boards.py); returns the queries."""
    queries, ids = [], set()
    for name, board in boards.items():
        assert board["uid"] not in ids, f"{name}: uid is not its own"
        ids.add(board["uid"])
        variables = {variable["name"] for variable in board["templating"]["list"]}
        places, numbers = set(), set()
        for panel in board["panels"]:
            where = f"{name}: {panel['title']}"
            place = panel["gridPos"]
            assert (place["x"], place["y"]) not in places and panel["id"] not in numbers, where
            places.add((place["x"], place["y"]))
            numbers.add(panel["id"])
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), where
            for target in panel["targets"]:
                used = set(re.findall(r"\$\{(\w+)\}", json.dumps(target)))
                assert used <= variables, f"{where}: {used - variables} is no variable of the board"
                queries.append((where, target["expr"].replace("${worker}", ".*")))
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


def make_each_fault(cluster, prometheus, value_of):
    """Each alert, by what it is there for. At the end no node is left."""
    fired = set()

    def fires(*alerts):
        for alert in alerts:
            until(f"{alert} to fire", lambda alert=alert: firing(prometheus, alert))
            fired.add(alert)

    # A loop may be late by itself where this machine has much to do.
    for alert in ("TroupeSchedulerDown", "TroupeVersionSkew", "TroupeScrapeErrors", "TroupeTaskErrorRatioHigh",
                  "TroupeTasksStuckNoWorker", "TroupeSpillErrors", "TroupeWorkerPaused"):
        assert not firing(prometheus, alert), alert
    if value_of("min(troupe_worker_spill_disk_free_bytes / troupe_worker_spill_disk_size_bytes)") > 0.1:
        assert not firing(prometheus, "TroupeSpillDiskNearlyFull")
    until("the queue to be young", lambda: not firing(prometheus, "TroupeQueueAgeHigh"))
    FakeNode.faulty = True
    fires("TroupeVersionSkew", "TroupeScrapeErrors", "TroupeEventLoopLagHigh")
    cluster.make("fail", 200)
    # A series that is new has no rate yet.
    until("failures to be scraped", lambda: value_of("sum(troupe_scheduler_tasks_erred_total)") >= 200)
    cluster.make("fail", 200)
    stuck = cluster.make("stuck", 3)
    fires("TroupeTaskErrorRatioHigh", "TroupeTasksStuckNoWorker")
    stuck.stdin.close()
    stuck.wait(30)
    full = cluster.start_on_full_disk()
    if full:
        fires("TroupeSpillDiskNearlyFull")
        cluster.make("hold", 6, 60 * 2 ** 20, "full")  # the fourth is too much, by far
        fires("TroupeSpillErrors", "TroupeWorkerPaused")
    else:
        print("no file system may be mounted here: alerts of a full disk and full memory were not made to fire")
    # Values that somebody wants go with their workers.
    cluster.make("hold", 1000, 8)
    for process in cluster.started[1:4]:
        process.kill()
    fires("TroupeRecomputeStorm", "TroupeWorkerLossRateHigh")
    if full:
        fires("TroupeClusterMemoryHigh")
        full.kill()
    fires("TroupeNoWorkersWithQueuedTasks", "TroupeQueueAgeHigh")
    assert not firing(prometheus, "TroupeSchedulerDown")
    cluster.started[0].kill()
    fires("TroupeSchedulerDown")
    return fired


def main(troupe, prometheus_program, promtool, fake_nvml, fault_client, module, document):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        cluster = Cluster(troupe, directory, fake_nvml, fault_client, module)
        prometheus = None
        try:
            shipped = directory / "prometheus"
            cluster.run("metrics", "export-rules", str(shipped))
            for check in (["check", "rules", "troupe.rules.yml"], ["test", "rules", "troupe.rules.test.yml"]):
                subprocess.run([promtool, *check], check=True, cwd=shipped, capture_output=True)
            # As shipped but for the port, and for the patience of a test.
            config = (shipped / "prometheus.yml").read_text().replace("127.0.0.1:8787",
                                                                      cluster.scheduler.ready["http"][len("http://"):])
            config = re.sub(r"interval: 15s", "interval: 1s", config)
            config += ("  - job_name: fake\n    metrics_path: /\n    static_configs:\n"
                       f"      - targets: [\"{serve_fake_node()}\"]\n")
            (shipped / "prometheus.yml").write_text(config)
            rules = (shipped / "troupe.rules.yml").read_text()
            rules = re.sub(r"for: \d+m", "for: 1s", rules)
            rules = rules.replace("queue_age_seconds) > 1800", "queue_age_seconds) > 1")
            (shipped / "troupe.rules.yml").write_text(rules)
            (shipped / "troupe.token").write_text(cluster.run("dashboard", "--token").strip())
            subprocess.run([promtool, "check", "config", "prometheus.yml"], check=True, cwd=shipped,
                           capture_output=True)
            prometheus = Prometheus(prometheus_program, shipped)

            def all_up():
                targets = prometheus.ask("targets").get("activeTargets", [])
                up = sorted((t["labels"]["troupe_role"], t["labels"].get("troupe_worker", "")) for t in targets
                            if t["health"] == "up" and "troupe_role" in t["labels"])
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
            nodes = [cluster.scheduler.ready["http"], cluster.started[1].ready["http"]]
            wrong = metrics_reference.check(document, [metrics_reference.read(f"{node}/metrics") for node in nodes] +
                                            [metrics_reference.read(f"{nodes[0]}/metrics/cluster")])
            assert not wrong, "docs/metrics.md is not what nodes serve:\n" + "\n".join(wrong)

            finished = "sum(troupe_scheduler_tasks_finished_total)"
            counted = "sum(troupe_scheduler_task_duration_seconds_count)"

            def equal():
                values = [prometheus.ask("query", query=query)["result"][0]["value"][1]
                          for query in (finished, counted)]
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
            fired = make_each_fault(cluster, prometheus, value_of)
            alerts = {rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"}
            left = ", ".join(sorted(alerts - fired))
            print(f"{len(fired)} of {len(alerts)} alerts fired; not made to: {left or 'none'}")
        finally:
            if prometheus:
                prometheus.stop()
            cluster.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
