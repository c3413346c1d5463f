"""Runs Troupe, the floor and the other systems on the same shapes and prints how they compare.

Called by benchmarks/compare.sh, which builds and installs what is needed. Figures of ours and of the floor are medians
of --runs runs, taken in turn; the others run once, for --seconds a workload.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

import graphs

HERE = pathlib.Path(__file__).resolve().parent

# What `troupe bench` is asked for, by the name of the row.
OURS = {
    "empty": ["empty", "--repeat", "1"],
    "empty-watched": ["empty", "--watched", "--repeat", "1"],
    "scaling": ["scaling"],
    "submit-loop": ["submit-loop", "--repeat", "1"],
    "merge": ["merge", "--repeat", "1"],
    "tree": ["tree", "--repeat", "1"],
    "chain": ["chain", "--via", "scheduler", "--repeat", "1"],
    "chain-worker": ["chain", "--via", "worker", "--repeat", "1"],
    "submit-one": ["submit-one", "--repeat", "1"],
    "in-process": ["in-process", "--repeat", "1"],
    "memory": ["memory"],
    "transfer": ["transfer"],
}
PEERS = ["dask", "ray", "hyperqueue"]
GRAPH_PEERS = ["dask", "ray"]  # those whose tasks can need each other's values
FLOOR = ["echo", "batch", "copy"]

# CPU time a task of HyperQueue's server and a worker that does nothing, which is a build of its own, not on PyPI.
HYPERQUEUE_IDLE_CPU_US = 33.0


def figure(path):
    """A function that takes system/workload/name[/name] out of the results; None where it was not measured."""
    def get(results):
        value = results
        for name in path.split("/"):
            value = value.get(name) if isinstance(value, dict) else None
        return value
    return get


def constant(value):
    return lambda results: value


def rate(system, workload):
    return figure(f"{system}/{workload}/tasks_per_second")


CPU = "cpu_us_per_task/sum"
ROUND_TRIP = figure("floor/echo/p50_us")

# (what, ours, what it is divided by, bound, whether the bound is the least that will do, else the most)
TARGETS = [
    ("empty: rate / Dask's", rate("troupe", "empty"), rate("dask", "empty"), 500, True),
    ("empty: rate / Ray's", rate("troupe", "empty"), rate("ray", "empty"), 150, True),
    ("empty: rate / floor's in batches of 64", rate("troupe", "empty"), rate("floor", "batch"), 1 / 9, True),
    ("empty: CPU a task / HyperQueue's with idle workers (33 us, not measured here)",
     figure(f"troupe/empty/{CPU}"), constant(HYPERQUEUE_IDLE_CPU_US), 1 / 5, False),
    ("empty: the scheduler's CPU a task, 1,000,000 tasks / 10,000 tasks",
     figure("troupe/scaling/scheduler_us_per_task_of_1000000"), figure("troupe/scaling/scheduler_us_per_task_of_10000"),
     1.15, False),
    ("empty: CPU a task of all processes, 1,000,000 tasks / 10,000 tasks",
     figure("troupe/scaling/cpu_us_per_task_of_1000000"), figure("troupe/scaling/cpu_us_per_task_of_10000"), 1.15,
     False),
    ("empty with a dashboard that is looked at: CPU a task of all processes / without", figure(f"troupe/empty-watched/{CPU}"),
     figure(f"troupe/empty/{CPU}"), 1.02, False),
    ("submit-loop: rate / empty's", rate("troupe", "submit-loop"), rate("troupe", "empty"), 1 / 2, True),
    ("merge: rate / Dask's", rate("troupe", "merge"), rate("dask", "merge"), 400, True),
    ("merge: rate / Ray's", rate("troupe", "merge"), rate("ray", "merge"), 130, True),
    ("tree: rate / Dask's", rate("troupe", "tree"), rate("dask", "tree"), 150, True),
    ("tree: rate / Ray's", rate("troupe", "tree"), rate("ray", "tree"), 130, True),
    ("chain through the scheduler: hop / floor's round trip",
     figure("troupe/chain/us_per_hop"), ROUND_TRIP, 2.5, False),
    ("chain on one worker: hop / floor's round trip",
     figure("troupe/chain-worker/us_per_hop"), ROUND_TRIP, 0.5, False),
    ("submit-one: p50 / floor's round trip", figure("troupe/submit-one/p50_us"), ROUND_TRIP, 5, False),
    ("submit-one: p99 / floor's round trip", figure("troupe/submit-one/p99_us"), ROUND_TRIP, 40, False),
    ("in-process: rate / empty's over TCP", rate("troupe", "in-process"), rate("troupe", "empty"), 4, True),
    ("memory: bytes a task in the scheduler / 200",
     figure("troupe/memory/scheduler_bytes_per_task"), constant(200), 1, False),
    ("transfer: GB/s / bare copy's between the same transfers",
     figure("troupe/transfer/gigabytes_per_second"), figure("troupe/transfer/bare_gigabytes_per_second"), 0.8, True),
    ("transfer: GB/s / floor's copy", figure("troupe/transfer/gigabytes_per_second"),
     figure("floor/copy/gigabytes_per_second"), 0.8, True),
]


def note(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def run_lines(command, timeout):
    """The JSON objects among the lines that the command prints, and why there are no more, if something went wrong."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout)
        output, error = done.stdout, done.stderr.strip() if done.returncode else None
        if done.returncode and not error:
            error = f"exit code {done.returncode}"
    except subprocess.TimeoutExpired as expired:
        output = (expired.stdout or b"").decode()
        error = f"took more than {timeout:.0f} s"
    except OSError as os_error:
        output, error = "", str(os_error)
    found = []
    for line in output.splitlines():
        if line.startswith("{"):
            found.append(json.loads(line))
    return found, error and error.splitlines()[-1]


def median_of(runs):
    """The median of each number in objects of the same shape; of the rest, the first."""
    first = runs[0]
    if isinstance(first, dict):
        return {name: median_of([run[name] for run in runs if name in run]) for name in first}
    if isinstance(first, (int, float)) and not isinstance(first, bool):
        return statistics.median(runs)
    return first


def measure_repeatedly(command, runs):
    objects, error = [], None
    for _ in range(runs):
        found, problem = run_lines(command, timeout=300)
        objects += found[-1:]
        error = error or problem
    if not objects:
        return {"error": error or "printed no figures"}
    figures = median_of(objects)
    if error:
        figures["error"] = error
    return figures


def measure_graphs(arguments, systems, results):
    """Adds the fixed graphs to the results of each system, as workloads called graph-NAME."""
    files = graphs.write(HERE.parents[1] / "build" / "compare-graphs")
    for name, file in files.items() if "troupe" in systems else ():
        note(f"troupe bench graph {name}")
        command = [arguments.troupe, "bench", "graph", "--file", str(file), "-o", "json"]
        metg = ["--metg", "--repeat", "1"] if name.startswith("taskbench-") else ["--repeat", "1"]
        results["troupe"]["graph-" + name] = measure_repeatedly(command + metg, arguments.runs)
    for system in GRAPH_PEERS:
        if system not in systems:
            continue
        note(f"{system}, {len(files)} graphs")
        command = [arguments.python, str(HERE / f"{system}_bench.py"), "--graphs", *map(str, files.values())]
        found, error = run_lines(command, timeout=3600)
        results[system] |= {figures["workload"]: figures for figures in found}
        if error:
            note(f"  {error}")


def graph_rows(results):
    """Ours over each peer's: tasks a second without work, and METG."""
    rows = []
    for name in (name for name in results.get("troupe", {}) if name.startswith("graph-")):
        for system in GRAPH_PEERS:
            rows.append((f"{name}: rate / {system}'s", rate("troupe", name), rate(system, name), 1, True))
            if name.startswith("graph-taskbench-"):
                rows.append((f"{name}: METG(50 %) / {system}'s", figure(f"troupe/{name}/metg_us"),
                             figure(f"{system}/{name}/metg_us"), 1, False))
    return rows


def measure_floor(arguments):
    results = {}
    for workload in FLOOR:
        note(f"floor {workload}")
        results[workload] = measure_repeatedly([arguments.floor, workload, "-o", "json"], arguments.runs)
    return results


def measure_ours(arguments):
    results = {}
    for name, words in OURS.items():
        if arguments.workloads and words[0] not in arguments.workloads:
            continue
        note(f"troupe bench {' '.join(words)}")
        figures = measure_repeatedly([arguments.troupe, "bench", *words, "-o", "json"], arguments.runs)
        results[name] = figures
        if "error" in figures:
            note(f"  {figures['error']}")
    return results


def measure_peer(system, arguments):
    note(f"{system}, up to {arguments.seconds:.0f} s a workload")
    command = [arguments.python, str(HERE / f"{system}_bench.py"), "--seconds", str(arguments.seconds)]
    if arguments.workloads:
        command += ["--workloads", ",".join(arguments.workloads)]
    found, error = run_lines(command, timeout=10 * (3 * arguments.seconds + 30))
    results = {figures["workload"]: figures for figures in found}
    if error:
        note(f"  {error}")
    return results


def describe_machine():
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return {
        "processor": model,
        "processors": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": f"{system}, Linux {platform.release()}",
        "load_average_before": round(os.getloadavg()[0], 2),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def judge(results):
    rows = []
    for text, ours, other, bound, at_least in TARGETS + graph_rows(results):
        numerator, denominator = ours(results), other(results)
        ratio = numerator / denominator if numerator is not None and denominator else None
        reached = None if ratio is None else bool(ratio >= bound if at_least else ratio <= bound)
        rows.append({"what": text, "ours": numerator, "other": denominator, "ratio": ratio,
                     "bound": bound, "at_least": at_least, "reached": reached})
    return rows


def short(value):
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def print_markdown(machine, versions, results, rows):
    print(f"{machine['processor']}, {machine['processors']} processors, {machine['memory_gib']} GiB, "
          f"{machine['system']}, load {machine['load_average_before']} before, {machine['date']}")
    print(", ".join(f"{system} {version}" for system, version in versions.items()) + "\n")
    print("| system | workload | tasks | tasks/s | CPU us/task | us/hop | p50 us | p99 us | B/task | GB/s |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for system, workloads in results.items():
        for workload, figures in workloads.items():
            if "error" in figures and len(figures) < 6:
                print(f"| {system} | {workload} | {figures['error']} |")
                continue
            cpu = figures.get("cpu_us_per_task")
            columns = [figures.get("tasks"), figures.get("tasks_per_second"), cpu and cpu.get("sum"),
                       figures.get("us_per_hop"), figures.get("p50_us"), figures.get("p99_us"),
                       figures.get("scheduler_bytes_per_task"),
                       figures.get("gigabytes_per_second")]
            print(f"| {system} | {workload} | {' | '.join(short(value) for value in columns)} |")
    echo, batch = results["floor"]["echo"], results["floor"]["batch"]
    print(f"\nfloor by placement of its two processes (anywhere / one processor / one each): round trip "
          f"{short(echo.get('p50_us'))} / {short(echo.get('together_p50_us'))} / {short(echo.get('apart_p50_us'))} us, "
          f"{short(batch.get('tasks_per_second'))} / {short(batch.get('together_tasks_per_second'))} / "
          f"{short(batch.get('apart_tasks_per_second'))} tasks/s; the ratios use the first")
    print("\n| ratio | ours | other | ratio | target | |")
    print("|---|--:|--:|--:|--:|---|")
    for row in rows:
        sign = "≥" if row["at_least"] else "≤"
        verdict = {None: "not measured", True: "reached", False: "**missed**"}[row["reached"]]
        print(f"| {row['what']} | {short(row['ours'])} | {short(row['other'])} | {short(row['ratio'])} "
              f"| {sign} {short(row['bound'])} | {verdict} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--troupe", required=True)
    parser.add_argument("--floor", required=True)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--systems", default=",".join(["troupe", *PEERS]))
    parser.add_argument("--workloads", default="")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("-o", "--output", choices=["markdown", "json"], default="markdown")
    arguments = parser.parse_args()
    arguments.workloads = [name for name in arguments.workloads.split(",") if name]
    systems = arguments.systems.split(",")

    machine = describe_machine()
    results = {"floor": measure_floor(arguments)}
    if "troupe" in systems:
        results["troupe"] = measure_ours(arguments)
    for system in PEERS:
        if system in systems:
            results[system] = measure_peer(system, arguments)
    if not arguments.workloads or "graphs" in arguments.workloads:
        measure_graphs(arguments, systems, results)
    versions = {system: next((figures["version"] for figures in workloads.values() if "version" in figures), "")
                for system, workloads in results.items() if system in PEERS}
    rows = judge(results)
    if arguments.output == "json":
        print(json.dumps({"machine": machine, "versions": versions, "results": results, "ratios": rows}))
    else:
        print_markdown(machine, versions, results, rows)


if __name__ == "__main__":
    main()
