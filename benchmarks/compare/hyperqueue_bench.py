"""HyperQueue as PyPI has it: server and two workers with a core each in one process, and a process for every task.

Its tasks are programs and have no results, so only the shapes that need none are run; its client looks once a second
whether a job is done, so single submissions are left out, and runs should be long. The figure of 33 us a task for
server and idle worker, which Troupe is measured by, is of a build whose workers do nothing.
"""

import contextlib
import importlib.metadata
import io
import tempfile

import psutil

import hyperqueue
from hyperqueue.cluster import LocalCluster, WorkerConfig

import peer

PROGRAM = ["/bin/true"]


class HyperQueue(peer.Peer):
    name = "hyperqueue"
    version = importlib.metadata.version("hyperqueue")
    first_tasks = {"chain": 50}
    max_tasks = {"chain": 10_000}

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="compare-hq-")
        self.cluster = LocalCluster(self.directory.name)
        for _ in range(2):
            self.cluster.start_worker(WorkerConfig(cores=1))
        self.client = self.cluster.client()
        return self

    def __exit__(self, *_):
        self.cluster.stop()
        self.directory.cleanup()

    def roles(self):
        return {"all": [psutil.Process()]}

    def _finish(self, job):
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            assert self.client.wait_for_jobs([self.client.submit(job)])

    def _job(self):
        return hyperqueue.Job(default_workdir=self.directory.name)

    def _program(self, job, deps=()):
        return job.program(PROGRAM, stdout=None, stderr=None, deps=deps)

    def run_empty(self, tasks):
        job = self._job()
        for _ in range(tasks):
            self._program(job)
        self._finish(job)

    def run_chain(self, tasks):
        job = self._job()
        last = self._program(job)
        for _ in range(tasks - 1):
            last = self._program(job, deps=[last])
        begin = peer.time.perf_counter()
        self._finish(job)
        return {"us_per_hop": round((peer.time.perf_counter() - begin) * 1e6 / tasks, 1)}

    def run_tree(self, tasks):
        leaves = peer.tree_leaves(tasks)
        job = self._job()
        level = [self._program(job) for _ in range(leaves)]
        while len(level) > 1:
            level = [self._program(job, deps=level[2 * i:2 * i + 2]) for i in range(len(level) // 2)]
        self._finish(job)
        return {"tasks": 2 * leaves - 1}


if __name__ == "__main__":
    peer.main(HyperQueue)
