"""Ray: head node (GCS and raylet), two worker processes, a driver in this process; no dashboard, small object store."""

import os
import tempfile

import psutil

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_DEDUP_LOGS", "0")

import ray  # noqa: E402

import peer  # noqa: E402


@ray.remote
def noop(_):
    return None


@ray.remote
def identity(x):
    return x


@ray.remote
def increment(x):
    return x + 1


@ray.remote
def add(a, b):
    return a + b


@ray.remote
def total(*values):
    return sum(values)


@ray.remote
def work(rounds, size, *inputs):
    peer.compute(rounds)
    return bytes(size)


class Ray(peer.Peer):
    name = "ray"
    version = ray.__version__
    first_tasks = {"chain": 200, "submit-one": 200}
    max_tasks = {"chain": 10_000, "submit-one": 10_000, "merge": 50_000}  # one task's arguments stay within bounds

    def __enter__(self):
        # Not in /dev/shm: the values here are small and travel inline; short, since sockets are made below it.
        self.directory = tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp")
        ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=100 << 20,
                 _temp_dir=self.directory.name, _plasma_directory=self.directory.name, log_to_driver=False,
                 logging_level="ERROR", _node_ip_address="127.0.0.1")
        ray.get([noop.remote(i) for i in range(100)])
        return self

    def __exit__(self, *_):
        ray.shutdown()
        self.directory.cleanup()

    def roles(self):
        roles = {"client": [psutil.Process()], "scheduler": [], "workers": [], "other": []}
        for process in psutil.Process().children(recursive=True):
            try:
                title = " ".join(process.cmdline())
            except psutil.NoSuchProcess:
                continue
            if "gcs_server" in title or "raylet/raylet" in title:
                roles["scheduler"].append(process)
            elif title.startswith("ray::"):
                roles["workers"].append(process)
            else:
                roles["other"].append(process)
        return roles

    def run_empty(self, tasks):
        ray.get([noop.remote(i) for i in range(tasks)], timeout=600)

    def run_submit_loop(self, tasks):
        ray.get(peer.from_two_threads(noop.remote, tasks), timeout=600)

    def run_merge(self, tasks):
        values = [identity.remote(i) for i in range(tasks)]
        assert ray.get(total.remote(*values), timeout=600) == tasks * (tasks - 1) // 2
        return {"tasks": tasks + 1}

    def run_tree(self, tasks):
        leaves = peer.tree_leaves(tasks)
        level = [identity.remote(i) for i in range(leaves)]
        while len(level) > 1:
            level = [add.remote(level[2 * i], level[2 * i + 1]) for i in range(len(level) // 2)]
        assert ray.get(level[0], timeout=600) == leaves * (leaves - 1) // 2
        return {"tasks": 2 * leaves - 1}

    def run_chain(self, tasks):
        begin = peer.time.perf_counter()
        last = identity.remote(1)
        for _ in range(tasks - 1):
            last = increment.remote(last)
        assert ray.get(last, timeout=600) == tasks
        return {"us_per_hop": round((peer.time.perf_counter() - begin) * 1e6 / tasks, 1)}

    def run_fixed(self, graph, rounds):
        def timed():
            values = []
            for inputs in graph["inputs"]:
                values.append(work.remote(rounds, graph["bytes"], *[values[j] for j in inputs]))
            needed = {j for inputs in graph["inputs"] for j in inputs}
            return ray.get([value for i, value in enumerate(values) if i not in needed], timeout=600)
        return timed

    def run_submit_one(self, tasks):
        return peer.submit_one_figures(lambda: ray.get(noop.remote(0)), tasks)


if __name__ == "__main__":
    peer.main(Ray)
