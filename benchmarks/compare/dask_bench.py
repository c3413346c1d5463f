"""Dask distributed: a scheduler process, two worker processes with a thread each, a client in this process."""

import os
import subprocess
import sys
import tempfile

import psutil

import dask
import distributed
from distributed import Client, wait

import peer


def noop(_):
    return None


def identity(x):
    return x


def increment(x):
    return x + 1


def add(a, b):
    return a + b


def total(values):
    return sum(values)


def make_block(size):
    return b"x" * size


def work(rounds, size, inputs):
    peer.compute(rounds)
    return bytes(size)


class Dask(peer.Peer):
    name = "dask"
    version = distributed.__version__
    first_tasks = {"chain": 100, "submit-one": 100, "transfer": 1 << 24, "memory": 2000}
    max_tasks = {"chain": 10_000, "submit-one": 10_000, "transfer": 1 << 30, "memory": 20_000}

    def __enter__(self):
        dask.config.set({"distributed.comm.timeouts.connect": "60s", "distributed.admin.tick.limit": "60s"})
        self.directory = tempfile.TemporaryDirectory(prefix="compare-dask-")
        self.log = open(f"{self.directory.name}/log", "w+")
        contact = f"{self.directory.name}/scheduler.json"
        self.scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                                     "--no-show", "--scheduler-file", contact)
        self.workers = [
            self._start("dask_worker", "--scheduler-file", contact, "--host", "127.0.0.1", "--nthreads", "1",
                        "--nworkers", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0",
                        "--local-directory", self.directory.name, "--name", f"w{i}")
            for i in range(2)
        ]
        self.client = Client(scheduler_file=contact, timeout=60)
        self.client.wait_for_workers(2, timeout=60)
        self.held = []
        return self

    def _start(self, command, *arguments):
        return psutil.Popen([sys.executable, "-m", f"distributed.cli.{command}", *arguments],
                            stdout=self.log, stderr=subprocess.STDOUT,
                            env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.abspath(__file__))})

    def __exit__(self, *_):
        self.client.close(timeout=10)
        for process in [*self.workers, self.scheduler]:
            process.terminate()
        psutil.wait_procs([*self.workers, self.scheduler], timeout=20)
        for process in [*self.workers, self.scheduler]:
            if process.is_running() and process.poll() is None:
                process.kill()
        self.log.close()
        self.directory.cleanup()

    def roles(self):
        return {"client": [psutil.Process()], "scheduler": [self.scheduler], "workers": self.workers}

    def between_runs(self):
        self.held = []
        # Until the scheduler has forgotten all, its work would be charged to the next run.
        while self.client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
            pass

    def _wait(self, futures):
        self.held = futures
        wait(futures, timeout=600)
        assert all(future.status == "finished" for future in futures)

    def run_empty(self, tasks):
        self._wait(self.client.map(noop, range(tasks), pure=False))

    def run_submit_loop(self, tasks):
        self._wait(peer.from_two_threads(lambda i: self.client.submit(noop, i, pure=False), tasks))

    def run_merge(self, tasks):
        futures = self.client.map(identity, range(tasks), pure=False)
        assert self.client.submit(total, futures, pure=False).result(timeout=600) == tasks * (tasks - 1) // 2
        return {"tasks": tasks + 1}

    def run_tree(self, tasks):
        leaves = peer.tree_leaves(tasks)
        token = dask.base.tokenize(object())
        graph = {(f"leaf-{token}", i): (identity, i) for i in range(leaves)}
        level = list(graph)
        depth = 0
        while len(level) > 1:
            depth += 1
            pairs = {(f"add{depth}-{token}", i): (add, level[2 * i], level[2 * i + 1]) for i in range(len(level) // 2)}
            graph.update(pairs)
            level = list(pairs)
        assert self.client.get(graph, level[0], optimize_graph=False) == leaves * (leaves - 1) // 2
        return {"tasks": 2 * leaves - 1}

    def run_chain(self, tasks):
        token = dask.base.tokenize(object())
        graph = {(f"hop-{token}", 0): (identity, 1)}
        for i in range(1, tasks):
            graph[(f"hop-{token}", i)] = (increment, (f"hop-{token}", i - 1))
        begin = peer.time.perf_counter()
        assert self.client.get(graph, (f"hop-{token}", tasks - 1), optimize_graph=False) == tasks
        return {"us_per_hop": round((peer.time.perf_counter() - begin) * 1e6 / tasks, 1)}

    def run_fixed(self, graph, rounds):
        token = dask.base.tokenize(object())
        keys = [(f"work-{token}", i) for i in range(len(graph["inputs"]))]
        tasks = {key: (work, rounds, graph["bytes"], [keys[j] for j in inputs])
                 for key, inputs in zip(keys, graph["inputs"])}
        needed = {j for inputs in graph["inputs"] for j in inputs}
        last = [key for i, key in enumerate(keys) if i not in needed]
        return lambda: self.client.get(tasks, last, optimize_graph=False)

    def run_submit_one(self, tasks):
        return peer.submit_one_figures(lambda: self.client.submit(noop, 0, pure=False).result(), tasks)

    def run_memory(self, tasks):
        width = 100
        token = dask.base.tokenize(object())
        graph = {(f"row-{token}", 0, i): (identity, i) for i in range(width)}
        rows = tasks // width
        for row in range(1, rows):
            for i in range(width):
                graph[(f"row-{token}", row, i)] = (
                    add, (f"row-{token}", row - 1, i), (f"row-{token}", row - 1, (i + 1) % width))
        before = peer.peak_resident_bytes(self.scheduler.pid, reset=True)
        self.client.get(graph, [(f"row-{token}", rows - 1, i) for i in range(width)], optimize_graph=False)
        after = peer.peak_resident_bytes(self.scheduler.pid)
        return {"scheduler_bytes_per_task": round((after - before) / (rows * width), 1), "tasks": rows * width}

    def run_transfer(self, size):
        block = self.client.submit(make_block, size, workers=["w0"], pure=False)
        wait(block)
        begin = peer.time.perf_counter()
        assert self.client.submit(len, block, workers=["w1"], pure=False).result() == size
        seconds = peer.time.perf_counter() - begin
        return {"tasks": 1, "seconds": seconds, "bytes": size, "gigabytes_per_second": round(size / seconds / 1e9, 3)}

    def measure(self, workload, seconds):
        if workload == "transfer":  # `tasks` are bytes here: one small block to connect, then the large one
            self._run(workload, self.first_tasks[workload])
            return self._run(workload, self.max_tasks[workload])
        return super().measure(workload, seconds)


if __name__ == "__main__":
    peer.main(Dask)
