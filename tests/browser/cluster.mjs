// A cluster of real processes that works: a scheduler, workers, and the client of the chaos runs, which has trees, chains,
// blocks and failures. TROUPE, TROUPE_LOAD and TROUPE_LOAD_MODULE name the programs; the build sets them.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** Asks until the answer is as wanted: others go their own pace. */
export async function until(what, ask, limit = 60_000) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < end, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export class Cluster {
  folder = mkdtempSync(join(tmpdir(), 'troupe-live.'));
  access = join(this.folder, 'access.json');
  started = [];

  constructor(environment = {}) {
    this.environment = { ...process.env, TROUPE_ACCESS_FILE: this.access, XDG_STATE_HOME: join(this.folder, 'state'), ...environment };
  }

  /** Starts a program; resolves with it and the first line that it prints. */
  start(program, args) {
    const child = spawn(program, args, { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.started.push(child);
    let errors = '';
    child.stderr.on('data', (text) => (errors = (errors + text).slice(-4000)));
    return new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', (line) => resolve({ child, line }));
      child.once('exit', (code) => reject(new Error(`${program} ${args.join(' ')} ended with ${code}: ${errors}`)));
      child.once('error', reject);
    });
  }

  /** Scheduler, two workers and a client, once 500 tasks have finished. */
  async work() {
    const { TROUPE, TROUPE_LOAD, TROUPE_LOAD_MODULE } = process.env;
    const ready = await this.start(TROUPE, ['scheduler', '--port', '0', '--dashboard-address', '127.0.0.1:0', '-o', 'json']);
    this.scheduler = ready.child;
    const { address, http } = JSON.parse(ready.line);
    this.url = http;
    this.token = await this.troupe('dashboard', '--admin', '--token');
    await this.start(TROUPE, ['worker', '--nworkers', '2', '--nthreads', '2', '--http-port', '0', '--module', TROUPE_LOAD_MODULE, '-o', 'json']);
    this.load = (await this.start(TROUPE_LOAD, [this.access, address.replace('tcp://', ''), 'load', '7', this.folder])).child;
    await until('tasks finish', async () => (await this.api('/api/v1/cluster')).totals.finished > 500);
  }

  async api(path) {
    const answer = await fetch(this.url + path, { headers: { Authorization: `Bearer ${this.token}` } });
    assert.equal(answer.status, 200, `${path}: ${await answer.clone().text()}`);
    return answer.json();
  }

  async troupe(...args) {
    return (await promisify(execFile)(process.env.TROUPE, args, { env: this.environment })).stdout.trim();
  }

  async stop() {
    for (const child of this.started.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 5000))]);
      child.kill('SIGKILL');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
