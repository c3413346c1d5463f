// A scheduler that is none: it answers as docs/api/openapi.json says, from an invented cluster of any size. For what a real
// one cannot be made to say in a test: a thousand workers, a million runs, and text in every field that tries to be a script.
//
//   node mock_scheduler.mjs [--port 8787] [--workers 8] [--records 20000]

import { createServer } from 'node:http';
import { readFileSync, statSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../monitoring/dashboard/dist/', import.meta.url));
const types = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', json: 'application/json', svg: 'image/svg+xml' };
const securityHeaders = (frameAncestors) => ({
  'Content-Security-Policy':
    `default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors ${frameAncestors}; base-uri 'none'; form-action 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
});

/** The same numbers in each run. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export class MockCluster {
  constructor({ workers = 8, threads = 4, records = 20_000, speed = 1, token = 'mock-token', scope = 'admin', code = 'mock-code' } = {}) {
    Object.assign(this, { workerCount: workers, threads, capacity: records, speed, token, scope, code });
    this.started = Date.now();
    this.epoch = 'epoch-1';
    this.random = random(7);
    this.prefixes = ['read_block', 'parse', 'filter_rows', 'join_parts', 'histogram', 'sum_tree', 'write_block'];
    this.means = [180, 95, 60, 240, 40, 25, 150];
    this.actions = [];
    this.events = [];
    for (let i = 0; i < 40; ++i)
      this.events.push({ seq: i + 1, at_unix_ms: this.started - (40 - i) * 900, topic: ['worker', 'client', 'scheduler', 'task', 'action'][i % 5], level: ['debug', 'info', 'warning', 'error'][i % 4], text: `event ${i}: worker joined, left or was drained`, worker_id: i % 5 === 0 ? (i % workers) + 1 : 0 });
    this.runs = null;
  }

  /** Runs of the last minutes: each thread is at work most of the time. */
  allRuns() {
    if (this.runs) return this.runs;
    const lanes = Math.min(200, this.workerCount) * this.threads;
    const each = Math.max(1, Math.floor(this.capacity / lanes));
    const span = 120_000;
    const chance = random(11);
    this.runs = [];
    for (let lane = 0; lane < lanes; ++lane) {
      const began = this.started - span;
      let at = began;
      const mean = span / each;
      for (let i = 0; i < each; ++i) {
        const prefix = Math.floor(chance() * chance() * this.prefixes.length);
        const duration = mean * (0.3 + 0.9 * chance());
        this.runs.push({ lane, start: at, duration, prefix, erred: chance() < 0.004 ? 1 : 0, key: `${this.prefixes[prefix]}-${lane}-${i}` });
        at += duration + (chance() < 0.03 ? mean * 4 : mean * 0.1 * chance());
      }
      // Drawn out until the picture begins anew: no lane is empty for the last of two minutes.
      const stretch = span / (at - began);
      for (const run of this.runs.slice(-each)) {
        run.start = began + (run.start - began) * stretch;
        run.duration *= stretch;
      }
    }
    return this.runs;
  }

  phase() {
    return ((Date.now() - this.started) / 1000) * this.speed;
  }

  states(scale = 1) {
    const total = Math.round(100_000 * scale);
    const done = Math.min(0.94, 0.25 + this.phase() * 0.01);
    const memory = Math.round(total * 0.11);
    const released = Math.round(total * done) - memory;
    const erred = Math.round(total * 0.0004);
    const processing = Math.min(this.workerCount * this.threads * 2, total - memory - released - erred);
    const rest = total - memory - released - erred - processing;
    return { released, waiting: Math.round(rest * 0.7), no_worker: Math.min(12, rest), queued: Math.max(0, rest - Math.round(rest * 0.7) - Math.min(12, rest)), processing, memory, erred };
  }

  worker(i) {
    const wave = 0.5 + 0.5 * Math.sin(this.phase() / 7 + i * 1.7);
    const limit = 8 * 2 ** 30;
    const paused = i % 11 === 7;
    const managed = Math.round(limit * (paused ? 0.62 : i % 5 === 3 ? 0.5 : 0.08 + 0.3 * wave));
    return {
      id: i + 1, name: `worker-${i}`, address: `tcp://10.0.0.${i % 250}:${40000 + i}`, host: `10.0.0.${i % 250}`, http_address: `http://10.0.0.${i % 250}:9100`, pid: 1000 + i,
      status: paused ? 'paused' : i % 17 === 9 ? 'retiring' : 'running', threads: this.threads, nannied: i % 3 !== 2, cpu: this.threads * (0.4 + 0.55 * wave),
      memory_limit_bytes: limit, process_bytes: managed + 900 * 2 ** 20, managed_bytes: managed, spilled_bytes: i % 4 === 1 ? Math.round(limit * 0.1) : 0,
      unmanaged_old_bytes: 500 * 2 ** 20, unmanaged_recent_bytes: Math.round(400 * wave) * 2 ** 20,
      processing: i % 9 === 8 ? 0 : Math.round(this.threads * (1 + 2 * wave)), executing: this.threads, ready: Math.round(4 * wave), fetching: i % 3, stored: 1200 + i, finished: Math.round(this.phase() * 40) + i * 17,
      occupancy_s: 3 * wave, received_bytes_per_s: 40e6 * wave, sent_bytes_per_s: 30e6 * (1 - wave), received_bytes: 4e9, sent_bytes: 3e9, transfers_incoming: Math.round(3 * wave), transfers_outgoing: 1,
      disk_read_bytes_per_s: 2e6 * wave, disk_write_bytes_per_s: i % 4 === 1 ? 9e6 : 0, open_files: 40 + i, gpus: i > 2 ? [] : Array.from({ length: 2 - (i % 2) }, (_, k) => ({ name: k ? 'NVIDIA A100-SXM4-80GB' : 'NVIDIA H100 80GB HBM3', utilization: k ? null : 0.2 + 0.3 * i, memory_used: (20 + 15 * i) * 2 ** 30, memory_total: 80 * 2 ** 30, memory_own: (4 + 5 * k) * 2 ** 30 })), last_seen_ms: 120 + (i % 7) * 40, joined_unix_ms: this.started - 60_000,
      resources: i % 4 === 0 ? { GPU: 1 } : {}, modules: ['demo', 'words'],
    };
  }

  workers() {
    return { schema: 'troupe/v1/workers', now_unix_ms: Date.now(), total: this.workerCount, shown: this.workerCount, workers: Array.from({ length: this.workerCount }, (_, i) => this.worker(i)) };
  }

  cluster() {
    const all = this.workers().workers;
    const sum = (of) => all.reduce((total, worker) => total + of(worker), 0);
    const tasks = this.states();
    const runs = this.allRuns();
    const finished = tasks.memory + tasks.released;
    return {
      schema: 'troupe/v1/cluster', cluster: '0123456789abcdef0123456789abcdef', epoch: this.epoch, address: 'tcp://127.0.0.1:8786', version: '0.1.0', scalable: true, revision: 'mock', now_unix_ms: Date.now(), started_unix_ms: this.started - 3_723_000, clients: 2,
      workers: { total: all.length, running: all.filter((w) => w.status === 'running').length, paused: all.filter((w) => w.status === 'paused').length, retiring: all.filter((w) => w.status === 'retiring').length, suspect: 0, idle: all.filter((w) => w.processing === 0).length, saturated: all.filter((w) => w.processing > w.threads).length, added: all.length + 1, drained: 1, lost: 1 },
      hosts: Math.min(250, all.length), threads: sum((w) => w.threads), executing: sum((w) => w.executing), occupancy_s: sum((w) => w.occupancy_s), tasks, known: Object.values(tasks).reduce((a, b) => a + b, 0), groups: 7,
      totals: { submissions: 3, submitted: 100_000, finished, erred: tasks.erred, retried: 31, poisoned: 1, recomputed: 12, forgotten: 1000, transitions: 400_000, compute_s: 5123.4, output_bytes: 9e10 },
      stealing: { requested: 120, confirmed: 90, rejected: 30 }, rates: { finished_per_s: 1000 * this.speed, erred_per_s: 0.4, received_bytes_per_s: sum((w) => w.received_bytes_per_s), cpu: sum((w) => w.cpu) },
      memory: { limit_bytes: sum((w) => w.memory_limit_bytes), process_bytes: sum((w) => w.process_bytes), managed_bytes: sum((w) => w.managed_bytes), spilled_bytes: sum((w) => w.spilled_bytes), unmanaged_old_bytes: sum((w) => w.unmanaged_old_bytes), unmanaged_recent_bytes: sum((w) => w.unmanaged_recent_bytes) },
      bandwidth_bytes_per_s: 1e8, history: { records: runs.length, capacity: runs.length, recorded: runs.length + 12_345, oldest_unix_ms: runs[0]?.start ?? 0, latest_unix_ms: Date.now() },
    };
  }

  prefixRows() {
    return this.prefixes.map((name, i) => {
      const tasks = i === 6 ? { released: 0, waiting: 0, no_worker: 0, queued: 0, processing: 0, memory: 0, erred: 0 } : this.states((this.prefixes.length - i) / 28);
      return { name, tasks, finished: 1000 * (i + 1), erred: tasks.erred, retried: i, suspicious: i % 2, memory_bytes: tasks.memory * 1e5, compute_s: 900 / (i + 1), output_bytes: 3e9 / (i + 1), mean_duration_s: (this.means[i] ?? 10) / 1000, eta_s: i === 6 ? 0 : 40 * (i + 1) };
    });
  }

  row(i) {
    const prefix = i % this.prefixes.length;
    const state = ['processing', 'memory', 'waiting', 'erred', 'queued', 'released', 'no_worker'][i % 7];
    return { key: `${this.prefixes[prefix]}-a3f29c-${i}`, id: String(9007199254740993n + BigInt(i)), prefix: this.prefixes[prefix], group: prefix + 1, state, worker: state === 'processing' || state === 'memory' ? `worker-${i % this.workerCount}` : '', worker_id: state === 'processing' || state === 'memory' ? (i % this.workerCount) + 1 : 0, bytes: state === 'memory' ? 1000 * (i + 1) : 0, waiting_for: state === 'waiting' ? 1 + (i % 4) : 0, run: state === 'waiting' ? 0 : 1 };
  }

  tasks(query) {
    const limit = Number(query.get('limit') ?? 100);
    const from = Number(query.get('cursor') || 0);
    const known = this.cluster().known;
    const tasks = [];
    let i = from;
    for (; tasks.length < limit && i < from + 20 * limit; ++i) {
      const row = this.row(i);
      if (query.get('state') && row.state !== query.get('state')) continue;
      if (query.get('prefix') && row.prefix !== query.get('prefix')) continue;
      if (query.get('group') && String(row.group) !== query.get('group')) continue;
      if (query.get('q') && !row.key.includes(query.get('q'))) continue;
      tasks.push(row);
    }
    return { schema: 'troupe/v1/tasks', now_unix_ms: Date.now(), known, shown: tasks.length, scanned: i - from, next_cursor: String(i), tasks };
  }

  task(key) {
    if (key.startsWith('missing')) return null;
    const i = Number(/-(\d+)$/.exec(key)?.[1] ?? 3) || 3;
    const row = { ...this.row(i), key };
    const erred = row.state === 'erred';
    const list = (count, from) => ({ total: count + 37, shown: count, tasks: Array.from({ length: count }, (_, k) => this.row(from + k)) });
    return {
      schema: 'troupe/v1/task', now_unix_ms: Date.now(), task: row, function: `demo::${row.prefix}`,
      why: { code: row.state === 'no_worker' ? 'no-resource' : `is-${row.state}`, lines: [`it is ${row.state} since 2.1 s`, 'worker-3 has the input parse-a3f29c-7; worker-1 would be next'] },
      priority: { user: 0, generation: 3, rank: i }, retries_allowed: 2, retries_used: 1, crashes: 0, restrictions: i % 2 ? ['worker-3'] : [], resources: i % 2 ? { GPU: 1 } : {}, expected_s: 0.12,
      dependencies: list(12, i + 1), dependents: list(8, i + 40), who_has: [{ id: 2, name: 'worker-1' }, { id: 3, name: 'worker-2' }], who_wants: [{ id: 1, name: 'notebook' }],
      error: erred ? { kind: 'exception', type: 'std::out_of_range', message: 'row 17 of block 3: column "price" has 12 fields, 13 were promised\n  while reading s3://bucket/part-0003.csv', function: `demo::${row.prefix}`, key, worker: 'worker-4', attempts: 3 } : null,
      runs: [{ worker: 'worker-4', worker_id: 5, thread: 1, start_unix_ms: Date.now() - 5000, duration_ms: 123.4, outcome: erred ? 'erred' : 'finished', run: 2 }, { worker: 'worker-1', worker_id: 2, thread: 0, start_unix_ms: Date.now() - 9000, duration_ms: 99.1, outcome: 'erred', run: 1 }],
      story: [['released', 'waiting', 'submitted'], ['waiting', 'queued', 'inputs are there'], ['queued', 'processing', 'placed'], ['processing', row.state, 'told by the worker']].map(([from, to, cause], k) => ({ at_unix_ms: Date.now() - 9000 + k * 800, from, to, cause, run: k > 1 ? 1 : 0, worker: k > 1 ? 'worker-4' : '' })),
    };
  }

  groups() {
    const nodes = this.prefixRows().map((row, i) => ({ id: `${i + 1}.0`, group: i + 1, prefix: row.name, name: i === 5 ? 'total' : '', size: 1000 * (7 - i), tasks: row.tasks, forgotten: i === 6 ? 1000 : 10, memory_bytes: row.memory_bytes, depth: i, mean_duration_s: row.mean_duration_s }));
    return { schema: 'troupe/v1/groups', now_unix_ms: Date.now(), total: nodes.length + 2, shown: nodes.length, nodes, edges: [[0, 1], [1, 2], [1, 3], [2, 3], [3, 4], [4, 5], [3, 6]] };
  }

  graph(query) {
    const limit = Math.min(Number(query.get('limit') ?? 2000), 1200);
    const columns = { id: [], key: [], prefix: [], state: [], depth: [], worker_id: [] };
    const edges = [];
    const chance = random(3);
    const states = ['released', 'waiting', 'no_worker', 'queued', 'processing', 'memory', 'erred'];
    const widths = [];
    for (let left = limit, width = Math.ceil(limit / 2.2); left > 0 && widths.length < 14; left -= widths.at(-1), width = Math.max(1, Math.ceil(width / 2))) widths.push(Math.min(left, width));
    let first = 0;
    widths.forEach((width, depth) => {
      for (let i = 0; i < width; ++i) {
        const node = columns.id.length;
        columns.id.push(String(node));
        columns.key.push(`${this.prefixes[depth % 7]}-a3f29c-${node}`);
        columns.prefix.push(depth % 7);
        const done = chance() < 0.8 - depth * 0.15;
        columns.state.push(chance() < 0.004 ? 6 : done ? (chance() < 0.6 ? 0 : 5) : chance() < 0.3 ? 4 : 1);
        columns.depth.push(depth);
        columns.worker_id.push(1 + (node % this.workerCount));
        if (depth > 0) {
          const before = widths[depth - 1];
          for (const k of [0, 1]) edges.push([first - before + Math.min(before - 1, Math.floor((i * before) / width) + k), node]);
        }
      }
      first += width;
    });
    return { schema: 'troupe/v1/graph', now_unix_ms: Date.now(), total: 100_000, shown: columns.id.length, prefixes: this.prefixes, nodes: columns, states, edges };
  }

  taskStream(query) {
    const now = Date.now();
    const width = Number(query.get('width') ?? 1000);
    const to = Number(query.get('to') ?? 0) || now;
    let from = Number(query.get('from') ?? -30_000);
    if (from < 0) from += to;
    const limit = Number(query.get('limit') ?? 10_000);
    // The picture moves on: what ran two minutes ago runs again now.
    const shift = Math.floor((to - this.started) / 120_000) * 120_000;
    const lanes = Array.from({ length: Math.min(200, this.workerCount) * this.threads }, (_, i) => ({ worker_id: Math.floor(i / this.threads) + 1, worker: `worker-${Math.floor(i / this.threads)}`, thread: i % this.threads }));
    const rects = { lane: [], start_ms: [], duration_ms: [], busy_ms: [], prefix: [], count: [], erred: [], key: [] };
    let pixel = (to - from) / width;
    let total = 0;
    for (;;) {
      total = 0;
      for (const column of Object.values(rects)) column.length = 0;
      const open = new Map();
      for (const offset of this.speed === 0 ? [0] : [shift, shift + 120_000])
        for (const run of this.allRuns()) {
          const start = run.start + offset;
          if (start > to || start + run.duration < from || start + run.duration > now) continue;
          ++total;
          const last = open.get(run.lane);
          if (last !== undefined && run.duration < pixel && start + run.duration - from - rects.start_ms[last] < pixel) {
            rects.duration_ms[last] = start + run.duration - from - rects.start_ms[last];
            rects.busy_ms[last] += run.duration;
            ++rects.count[last];
            rects.erred[last] += run.erred;
            rects.key[last] = '';
            continue;
          }
          open.set(run.lane, rects.lane.length);
          for (const [name, value] of Object.entries({ lane: run.lane, start_ms: start - from, duration_ms: run.duration, busy_ms: run.duration, prefix: run.prefix, count: 1, erred: run.erred, key: run.key })) rects[name].push(value);
        }
      if (rects.lane.length <= limit) break;
      pixel *= 2;
    }
    return { schema: 'troupe/v1/task-stream', now_unix_ms: now, from_unix_ms: from, to_unix_ms: to, total, covered: total, shown: rects.lane.length, lanes, prefixes: this.prefixes, rects };
  }

  timeseries(query) {
    const seconds = Number(query.get('seconds') ?? 300);
    const now = Date.now();
    const times = Array.from({ length: seconds }, (_, i) => now - (seconds - i) * 1000);
    const wave = (scale, period, base = 0) => times.map((t) => base + scale * (0.5 + 0.5 * Math.sin(t / 1000 / period)) + scale * 0.05 * Math.sin(t / 700));
    const cores = this.workerCount * this.threads;
    const series = {
      cpu: wave(cores * 0.6, 20, cores * 0.2), memory_process_bytes: wave(8e9, 40, 6e9), memory_managed_bytes: wave(6e9, 40, 3e9), memory_spilled_bytes: wave(1e9, 60), executing: wave(cores * 0.5, 15, cores * 0.4).map(Math.round),
      received_bytes_per_s: wave(2e8, 12), disk_read_bytes_per_s: wave(3e6, 18), disk_write_bytes_per_s: wave(9e6, 33),
      ...(query.get('worker') ? { sent_bytes_per_s: wave(1e8, 14) } : { finished_per_s: wave(900, 25, 300), erred_per_s: wave(2, 50), processing: wave(cores, 25, cores), queued: wave(4000, 60), waiting: wave(60_000, 120), workers: times.map(() => this.workerCount), idle: wave(2, 9).map(Math.round), saturated: wave(this.workerCount - 2, 30).map(Math.round), occupancy_s: wave(30, 16), steals_per_s: wave(6, 21), scheduler_cpu: wave(0.4, 17, 0.1), scheduler_memory_bytes: wave(5e7, 90, 2e8), scheduler_open_files: times.map(() => 42), scheduler_lag_ms: wave(1.5, 8, 0.1) }),
    };
    return { schema: 'troupe/v1/timeseries', now_unix_ms: now, interval_ms: 1000, times_unix_ms: times, series };
  }

  exceptions() {
    const group = (i, count, type, message) => ({ fingerprint: `f${i}`, count, kind: 'exception', type, function: `demo::${this.prefixes[i]}`, prefix: this.prefixes[i], message, first_unix_ms: this.started - 50_000, last_unix_ms: Date.now() - 4000 * (i + 1), workers: Array.from({ length: Math.min(12, count) }, (_, k) => `worker-${k}`), tasks: Array.from({ length: Math.min(20, count) }, (_, k) => `${this.prefixes[i]}-a3f29c-${k * 7 + 3}`) });
    const groups = [group(1, 31, 'std::out_of_range', 'row 17 of block 3: column "price" has 12 fields, 13 were promised\n  while reading s3://bucket/part-0003.csv'), group(3, 6, 'std::bad_alloc', 'std::bad_alloc'), group(0, 1, 'std::system_error', 'read: Connection reset by peer')];
    return { schema: 'troupe/v1/exceptions', now_unix_ms: Date.now(), total: 40, remembered: 38, shown: groups.length, groups };
  }

  stealing() {
    return { schema: 'troupe/v1/stealing', now_unix_ms: Date.now(), requested: 120, confirmed: 90, rejected: 30, idle: 1, saturated: 4, workers: this.workers().workers.map(({ id, name, occupancy_s, processing, threads }) => ({ id, name, occupancy_s, processing, threads })), events: Array.from({ length: 40 }, (_, i) => ({ at_unix_ms: Date.now() - i * 700, key: this.row(i).key, from: `worker-${i % this.workerCount}`, from_id: (i % this.workerCount) + 1, given: i % 4 !== 0 })) };
  }

  logs() {
    return { schema: 'troupe/v1/logs', now_unix_ms: Date.now(), recorded: 412, shown: 200, lines: Array.from({ length: 200 }, (_, i) => ({ seq: i + 1, at_unix_ms: this.started - (200 - i) * 320, level: i % 19 === 7 ? 'warning' : i % 53 === 11 ? 'error' : 'info', text: `worker-${i % 8} reported ${i} finished tasks` })) };
  }

  past(query) {
    const now = Date.now();
    const to = Number(query.get('to') ?? 0) || now;
    const from = Number(query.get('from') ?? -600_000);
    const first = Math.floor(now / 5000) * 5000 + 5000 - 720 * 5000;
    const stacks = [
      { prefix: 'square', frames: ['mock::square', 'multiply'], samples: 120 },
      { prefix: 'square', frames: ['mock::square', 'read'], samples: from > 0 ? 200 : 40 },
      { prefix: 'load', frames: ['mock::load', 'inflate'], samples: 40 },
    ].filter((stack) => !query.get('prefix') || stack.prefix === query.get('prefix'));
    return { schema: 'troupe/v1/profile-past', now_unix_ms: now, from_unix_ms: from < 0 ? to + from : from, to_unix_ms: to, interval_ms: 10, workers: this.workerCount, samples: stacks.reduce((sum, stack) => sum + stack.samples, 0), total: stacks.length, shown: stacks.length, stacks, activity: { from_unix_ms: first, step_ms: 5000, threads: Array.from({ length: 720 }, (_, i) => (i < 100 ? 0 : 3 + 2 * Math.sin(i / 30))) }, unanswered: [] };
  }

  timeSpent(query) {
    const all = this.prefixes.map((prefix, i) => ({ prefix, runs: 1000 * (7 - i), thread_cpu_s: 120 / (i + 1), thread_noncpu_s: i % 3 === 1 ? 40 : 2, execute_s: i > 3 ? 15 : 0.02 }));
    const span = query.get('span');
    const within = span ? this.spanFunctions().filter(([name]) => name === span || name.startsWith(`${span}/`)).flatMap(([, prefixes]) => prefixes) : this.prefixes;
    const chosen = all.filter((row) => within.includes(row.prefix) && (!query.get('prefix') || row.prefix === query.get('prefix')));
    const functions = chosen.slice(0, Number(query.get('limit') ?? 200));
    const total = (name) => all.reduce((result, row) => result + row[name], 0);
    const activities = { thread_cpu_s: total('thread_cpu_s'), thread_noncpu_s: total('thread_noncpu_s'), execute_s: total('execute_s'), transfer_s: 61.5, serialize_s: 3.2, disk_read_s: 12, disk_write_s: 19 };
    return { schema: 'troupe/v1/time-spent', now_unix_ms: Date.now(), activities, total: chosen.length, shown: functions.length, functions };
  }

  /** Which functions were submitted in which span. */
  spanFunctions() {
    return [['nightly', ['read_block']], ['nightly/parse', ['parse', 'filter_rows']], ['weekly report', ['histogram']]];
  }

  spans(query) {
    const all = this.spanFunctions().map(([name], i) => ({ name, trace_id: `0af7651916cd43dd8448eb211c80319${i}`, tasks: this.states(0.3 / (i + 1)), memory_bytes: 3e9 / (i + 1), submissions: 3 + i, submitted: 30_000 / (i + 1), finished: 20_000 / (i + 1), erred: 12 * i, compute_s: 160 / (i + 1), output_bytes: 7e10 / (i + 1), first_unix_ms: this.started - 60_000, last_unix_ms: Date.now() - 400 - 90_000 * i, thread_cpu_s: 120 / (i + 1), thread_noncpu_s: 40 / (i + 1), execute_s: i }));
    const spans = all.slice(0, Number(query.get('limit') ?? 200));
    return { schema: 'troupe/v1/spans', now_unix_ms: Date.now(), total: all.length, shown: spans.length, spans };
  }

  bandwidth(query) {
    const most = Math.min(Number(query.get('limit') ?? 50), this.workerCount);
    const moved = (values, bytes, seconds) => ({ values, bytes, seconds, bytes_per_s: seconds > 0 ? bytes / seconds : null });
    const chance = random(11);
    const pairs = [];
    for (let to = 0; to < most; ++to)
      for (let from = 0; from < most; ++from)
        if (from !== to && chance() < 0.8) pairs.push({ to, from, ...moved(Math.ceil(chance() * 400), Math.ceil(10 ** (3 + 6 * chance())), chance() < 0.05 ? 0 : 0.5 + chance()) });
    const types = [['vec<f64>', 5e9, 4], ['string', 3e6, 1.2], ['map<string,vec<{name:string,age:i64,city:string,income:f64}>>', 8e7, 2.1], ['a type with fingerprint 0123456789abcdef', 100, 0]];
    return { schema: 'troupe/v1/bandwidth', now_unix_ms: Date.now(), total: this.workerCount, shown: most, workers: Array.from({ length: most }, (_, i) => ({ id: i + 1, name: `worker-${i}` })), pairs, others: moved(most < this.workerCount ? 12 : 0, most < this.workerCount ? 9e6 : 0, 0.1), types: types.map(([type, bytes, seconds]) => ({ type, ...moved(120, bytes, seconds) })), all: moved(480, 5_083_000_100, 7.3) };
  }

  /** The scheduler's own threads. */
  loop(query) {
    const seen = this.past(new URLSearchParams({ from: query.get('from') ?? '-600000', to: query.get('to') ?? '0' }));
    const stacks = [['troupe::SchedulerActor::resume', 'troupe::SchedulerState::place'], ['troupe::SchedulerActor::resume', 'troupe::codec::read']].map((frames, i) => ({ prefix: 'event loop', frames, samples: 90 - 60 * i }));
    return { ...seen, workers: 1, samples: 120, total: 2, shown: 2, stacks };
  }

  shuffles() {
    const states = (of, all) => ({ released: of, waiting: all - of, no_worker: 0, queued: 0, processing: 0, memory: 0, erred: 0 });
    return { schema: 'troupe/v1/shuffles', now_unix_ms: Date.now(), looked_at: 900, shuffles: [0, 1].map((i) => ({ shuffle: String((4 + i) * 2 ** 24 + 40), key: `${this.prefixes[i]}-${4 + i}-40`, stage: 1, stages: 1, group: 4 + i, name: '', prefix: this.prefixes[i], level: 1, blocks: 1, inputs: states(16, 20), pieces: i === 0 ? states(300, 400) : states(0, 0), outputs: states(3, 20) })) };
  }

  taskLogs() {
    return { schema: 'troupe/v1/task-logs', now_unix_ms: Date.now(), asked: 2, shown: 3, lines: [0, 1, 2].map((i) => ({ worker: `worker-${i % 2}`, seq: i + 7, at_unix_ms: this.started - 3000 + i * 900, level: 'info', text: `read ${i + 1} of 3 blocks` })), unanswered: [] };
  }

  lineage() {
    const tasks = Array.from({ length: 6 }, (_, i) => ({ ...this.row(i * 5 + 1), steps: 1 + Math.floor(i / 2) }));
    return { schema: 'troupe/v1/lineage', now_unix_ms: Date.now(), shown: tasks.length, complete: true, tasks };
  }

  profile(query) {
    const stacks = [
      { function: 'mock::square', frames: ['mock::square', 'multiply'], samples: 120 },
      { function: 'mock::square', frames: ['square', 'read'], samples: 40 },
      { function: 'mock::load', frames: ['load', 'inflate'], samples: 40 },
    ].filter((stack) => !query.get('function') || stack.function.endsWith(query.get('function')));
    return { schema: 'troupe/v1/samples', now_unix_ms: Date.now(), duration_ms: 2000, interval_ms: 10, looks: 200, samples: stacks.reduce((sum, stack) => sum + stack.samples, 0), total: stacks.length, shown: stacks.length, stacks, unanswered: [] };
  }

  /** What GET answers, or null. */
  answer(path, query) {
    const list = { '/api/v1/session': () => ({ schema: 'troupe/v1/session', scope: this.scope, version: '0.1.0', cluster: '0123456789abcdef0123456789abcdef' }), '/api/v1/cluster': () => this.cluster(), '/api/v1/workers': () => this.workers(), '/api/v1/tasks': () => this.tasks(query), '/api/v1/prefixes': () => ({ schema: 'troupe/v1/prefixes', now_unix_ms: Date.now(), total: 7, shown: 7, prefixes: this.prefixRows() }), '/api/v1/groups': () => this.groups(), '/api/v1/graph': () => this.graph(query), '/api/v1/task-stream': () => this.taskStream(query), '/api/v1/timeseries': () => this.timeseries(query), '/api/v1/exceptions': () => this.exceptions(), '/api/v1/stealing': () => this.stealing(), '/api/v1/logs': () => this.logs(), '/api/v1/profile': () => this.profile(query), '/api/v1/profile/past': () => this.past(query), '/api/v1/profile/scheduler': () => this.loop(query), '/api/v1/time-spent': () => this.timeSpent(query), '/api/v1/spans': () => this.spans(query), '/api/v1/bandwidth': () => this.bandwidth(query), '/api/v1/shuffles': () => this.shuffles(), '/api/v1/events': () => ({ schema: 'troupe/v1/events', now_unix_ms: Date.now(), recorded: 40, shown: 40, events: this.events }) };
    if (list[path]) return list[path]();
    if (/^\/api\/v1\/workers\/\d+\/logs$/.test(path)) return this.logs();
    if (/^\/api\/v1\/tasks\/.+\/logs$/.test(path)) return this.taskLogs();
    if (/^\/api\/v1\/tasks\/.+\/lineage$/.test(path)) return this.lineage();
    const worker = /^\/api\/v1\/workers\/(\d+)$/.exec(path);
    if (worker) {
      const i = Number(worker[1]) - 1;
      if (i >= this.workerCount) return null;
      const rows = (count, from) => ({ total: count + 100, shown: count, tasks: Array.from({ length: count }, (_, k) => this.row(from + k * 7)) });
      return { schema: 'troupe/v1/worker', now_unix_ms: Date.now(), worker: this.worker(i), processing: rows(20, 0), stored: rows(60, 1) };
    }
    const task = /^\/api\/v1\/tasks\/(.+)$/.exec(path);
    return task ? this.task(decodeURIComponent(task[1])) : null;
  }
}

/** Serves the dashboard and the cluster. `twist` may change every answer on its way out. */
export function serve(cluster, { port = 0, twist = (value) => value, frameAncestors = "'none'" } = {}) {
  const headers = securityHeaders(frameAncestors);
  const streams = new Set();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://x');
    const json = (status, value) => response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers }).end(JSON.stringify(value));
    const refuse = (status, error) => json(status, { schema: 'troupe/v1/error', status, error });
    if (!pathname.startsWith('/api/') && !pathname.startsWith('/json/')) return file(pathname, response);
    if (request.method === 'POST' && pathname === '/api/v1/login') return body(request, ({ code }) => (code === cluster.code ? json(200, { schema: 'troupe/v1/login', token: cluster.token, scope: cluster.scope }) : refuse(401, 'this code is not known')));
    if (request.headers.authorization !== `Bearer ${cluster.token}`) return refuse(401, 'a bearer token is needed');
    if (request.method === 'POST')
      return body(request, (given) => {
        if (cluster.scope !== 'admin') return refuse(403, 'this token may only read');
        cluster.actions.push({ path: pathname, ...given });
        json(200, twist({ schema: 'troupe/v1/action', action: pathname.split('/').at(-1), done: true, text: `${given.keys?.length ?? 1} asked for; done` }));
      });
    if (pathname === '/api/v1/stream') return stream(request, response, searchParams);
    const answer = cluster.answer(pathname, searchParams);
    return answer === null ? refuse(404, 'no such thing is known') : json(200, twist(answer));
  });

  function body(request, then) {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => then(text ? JSON.parse(text) : {}));
  }

  function stream(request, response, query) {
    const topics = (query.get('topics') ?? 'summary').split(',');
    const interval = Number(query.get('interval_ms') ?? 500);
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store', ...headers });
    let seq = 0;
    const line = (topic, data) => response.write(`${JSON.stringify({ topic, seq: seq++, at_unix_ms: Date.now(), data })}\n`);
    line('hello', { schema: 'troupe/v1/stream', epoch: cluster.epoch, interval_ms: interval, topics });
    const paths = { summary: '/api/v1/cluster', workers: '/api/v1/workers', prefixes: '/api/v1/prefixes', events: '/api/v1/events' };
    const tell = () => topics.forEach((topic) => (topic !== 'events' || seq < 6) && paths[topic] && line(topic, twist(cluster.answer(paths[topic], new URLSearchParams()))));
    tell();
    const timer = setInterval(tell, interval);
    streams.add(response);
    request.on('close', () => {
      clearInterval(timer);
      streams.delete(response);
    });
  }

  function file(pathname, response) {
    if (pathname === '/') return response.writeHead(302, { Location: '/status', ...headers }).end();
    const name = pathname.startsWith('/info/') ? 'info.html' : pathname.includes('.') && !pathname.startsWith('/individual-') ? normalize(pathname).slice(1) : pathname === '/individual-plots.json' ? 'individual-plots.json' : 'index.html';
    const path = join(dist, name);
    try {
      if (!path.startsWith(dist) || !statSync(path).isFile()) throw new Error('none');
      response.writeHead(200, { 'Content-Type': types[name.split('.').at(-1)] ?? 'application/octet-stream', 'Cache-Control': 'no-cache', ...headers }).end(readFileSync(path));
    } catch {
      response.writeHead(404, { 'Content-Type': 'text/plain', ...headers }).end('no such page\n');
    }
  }

  return new Promise((resolve) =>
    server.listen(port, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        /** Ends what viewers read, as a scheduler that dies does. */
        stop: () => new Promise((done) => { for (const response of streams) response.destroy(); server.closeAllConnections(); server.close(done); }),
      }),
    ),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, otherwise) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : otherwise);
  const { url } = await serve(new MockCluster({ workers: Number(option('--workers', 8)), records: Number(option('--records', 20_000)) }), { port: Number(option('--port', 8787)) });
  console.log(`${url}/status#code=mock-code`);
}
