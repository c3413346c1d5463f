"""What the benchmarks of the other systems share: CPU time by process, repeated timing, one JSON line a workload.

Each system runs on loopback as a client, what it has for a scheduler, and two workers with one thread each, all in
separate processes where it has them. A workload is first run small, to learn its rate, then once with as many tasks as
fit the time given.
"""

import argparse
import json
import platform
import statistics
import sys
import threading
import time
import traceback

import psutil

MAX_TASKS = 1_000_000


class CpuClock:
    """CPU time of the processes of each role; `roles()` names those alive now, as {role: [psutil.Process]}."""

    def __init__(self, roles):
        self.roles = roles
        self.begin = {}

    @staticmethod
    def _seconds(process):
        try:
            times = process.cpu_times()
            # Children that ended and were waited for count too: a system may start a process a task.
            return times.user + times.system + times.children_user + times.children_system
        except psutil.NoSuchProcess:
            return 0.0

    def _read(self):
        return {role: {p.pid: self._seconds(p) for p in processes} for role, processes in self.roles().items()}

    def __enter__(self):
        self.begin = self._read()
        return self

    def __exit__(self, *_):
        end = self._read()
        self.seconds = {
            role: sum(value - self.begin.get(role, {}).get(pid, 0.0) for pid, value in by_pid.items())
            for role, by_pid in end.items()
        }

    def us_per_task(self, tasks):
        figures = {role: round(seconds * 1e6 / tasks, 2) for role, seconds in self.seconds.items()}
        figures["sum"] = round(sum(self.seconds.values()) * 1e6 / tasks, 2)
        return figures


def peak_resident_bytes(pid, reset=False):
    """Peak resident memory of a process; with `reset`, counted anew from here on."""
    if reset:
        with open(f"/proc/{pid}/clear_refs", "w") as file:
            file.write("5")
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def percentile(values, fraction):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * fraction))]


class Peer:
    """One system under test. Subclasses start and stop it, and have a method `run_<workload>(tasks)` for each workload
    they can do, named with `_` for `-`. It returns None, or figures that replace or add to those measured here."""

    name = ""
    version = ""
    first_tasks = {}     # how many for the small run, by workload
    max_tasks = {}       # no more than these, by workload

    def roles(self):
        raise NotImplementedError

    def between_runs(self):
        """Called after each run, outside its time: release what it held."""

    def workloads(self):
        return [name[4:].replace("_", "-") for name in dir(self) if name.startswith("run_")]

    def _run(self, workload, tasks):
        run = getattr(self, "run_" + workload.replace("-", "_"))
        clock = CpuClock(self.roles)
        with clock:
            begin = time.perf_counter()
            extra = run(tasks) or {}
            seconds = time.perf_counter() - begin
        self.between_runs()
        tasks = extra.pop("tasks", tasks)
        seconds = extra.pop("seconds", seconds)
        return {
            "system": self.name,
            "version": self.version,
            "workload": workload,
            "tasks": tasks,
            "seconds": round(seconds, 4),
            "tasks_per_second": round(tasks / seconds, 2),
            "cpu_us_per_task": clock.us_per_task(tasks),
            **extra,
        }

    def graphs(self, files):
        """Runs each fixed graph twice; of the second run the figures, and METG of the patterns of Task Bench."""
        for file in files:
            with open(file) as text:
                graph = json.load(text)
            name = "graph-" + graph["name"]
            tasks = len(graph["inputs"])
            self._timed(name, lambda: self.run_fixed(graph, 0), tasks)
            figures = self._timed(name, lambda: self.run_fixed(graph, 0), tasks)
            if graph["name"].startswith("taskbench-"):
                speed = rounds_per_us()
                figures["metg_us"] = round(minimum_effective_task(
                    lambda us: self._timed(name, lambda: self.run_fixed(graph, round(us * speed)), tasks)["seconds"],
                    tasks, 2), 1)
            yield figures

    def _timed(self, workload, run, tasks):
        """`run` prepares what is not to be timed, and returns what is."""
        timed = run()
        clock = CpuClock(self.roles)
        with clock:
            begin = time.perf_counter()
            timed()
            seconds = time.perf_counter() - begin
        self.between_runs()
        return {"system": self.name, "version": self.version, "workload": workload, "tasks": tasks,
                "seconds": round(seconds, 4), "tasks_per_second": round(tasks / seconds, 2),
                "cpu_us_per_task": clock.us_per_task(tasks)}

    def measure(self, workload, seconds):
        first = self.first_tasks.get(workload, 500)
        limit = self.max_tasks.get(workload, MAX_TASKS)
        figures = self._run(workload, min(first, limit))
        figures = self._run(workload, min(first, limit))  # the first one also starts things up
        tasks = int(figures["tasks_per_second"] * seconds * 0.8)  # the rate falls with the number
        tasks = max(min(tasks, limit), min(first, limit))
        return self._run(workload, tasks)


def submit_one_figures(call, rounds):
    """Times `call` by itself, over and over."""
    micros = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        micros.append((time.perf_counter() - begin) * 1e6)
    return {"p50_us": round(statistics.median(micros), 1), "p99_us": round(percentile(micros, 0.99), 1)}


def from_two_threads(submit, count):
    """Calls submit(i) for each i < count from two threads; the results of both, in no order."""
    results = [[], []]

    def loop(half):
        results[half] = [submit(i) for i in range(half, count, 2)]

    threads = [threading.Thread(target=loop, args=(half,)) for half in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results[0] + results[1]


def compute(rounds):
    """Processor time, as much for each call: what a task of a fixed graph does."""
    x = 1.5
    for _ in range(rounds):
        x = x * 0.999999 + 1e-6
    return x


def rounds_per_us(rounds=200_000):
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        compute(rounds)
        times.append(time.perf_counter() - begin)
    return rounds / min(times) / 1e6


def minimum_effective_task(run, tasks, slots, first_us=64.0):
    """METG(50 %) in us, as `troupe bench graph --metg` finds it; `run(us)` runs the graph and gives its seconds."""
    less_us, less = 0.0, 0.0
    work_us = first_us
    while True:
        efficiency = work_us * 1e-6 * tasks / (slots * run(work_us))
        if efficiency >= 0.5:
            return 2 * (less_us + (work_us - less_us) * (0.5 - less) / (efficiency - less))
        if efficiency < less * 1.05 and work_us > 50_000:
            raise RuntimeError(f"tasks of {work_us:.0f} us are no more effective than shorter ones: {efficiency:.2f}")
        less_us, less = work_us, efficiency
        work_us *= 2


def tree_leaves(tasks):
    """The number of leaves, a power of two, of the binary tree with about that many tasks in all."""
    return 1 << max(1, (tasks // 2).bit_length() - 1)


def main(make_peer):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60, help="time for each workload (default: 60)")
    parser.add_argument("--workloads", default="", help="comma-separated; default: all this system can do")
    parser.add_argument("--graphs", nargs="+", metavar="FILE", help="run these fixed graphs instead of workloads")
    arguments = parser.parse_args()
    failed = False
    with make_peer() as peer:
        if arguments.graphs:
            for figures in peer.graphs(arguments.graphs):
                print(json.dumps(figures), flush=True)
            return
        wanted = [name for name in arguments.workloads.split(",") if name] or peer.workloads()
        for workload in (name for name in wanted if name in peer.workloads()):
            try:
                figures = peer.measure(workload, arguments.seconds)
            except Exception as error:  # pylint: disable=broad-except
                traceback.print_exc()
                figures = {"system": peer.name, "version": peer.version, "workload": workload, "error": str(error)}
                failed = True
            figures["python"] = platform.python_version()
            print(json.dumps(figures), flush=True)
    sys.exit(failed)
