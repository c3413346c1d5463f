// What the dashboard costs a scheduler with a thousand workers and a million tasks, and its viewers: prints a table.
//
//   cd tests/browser && TROUPE=... TROUPE_MANY_WORKERS=... node ../../benchmarks/dashboard/measure.mjs [WORKERS [TASKS]]

import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { launch, open, tabBytes } from '../../tests/browser/support.mjs';

const workers = Number(process.argv[2] ?? 1000);
const tasks = Number(process.argv[3] ?? 1_000_000);
const seconds = 20;
const folder = mkdtempSync(join(tmpdir(), 'troupe-dashboard.'));
const access = join(folder, 'access.json');
const environment = { ...process.env, TROUPE_ACCESS_FILE: access, XDG_STATE_HOME: folder };
const started = [];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function start(program, args) {
  const child = spawn(program, args, { env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(child);
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve({ child, line }));
    child.once('exit', (code) => reject(new Error(`${program} ended with ${code}`)));
  });
}

/** Seconds of processors that a process has used. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Its share of a processor over the next while, in percent. */
async function share(pid) {
  const before = cpu(pid);
  const begun = performance.now();
  await pause(seconds * 1000);
  return (100 * (cpu(pid) - before)) / ((performance.now() - begun) / 1000);
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const row = (what, value) => console.log(`| ${what} | ${value} |`);

let browser;
try {
  const scheduler = await start(process.env.TROUPE, ['scheduler', '--port', '0', '--dashboard-address', '127.0.0.1:0', '--log-level', 'warning', '-o', 'json']);
  const url = JSON.parse(scheduler.line).http;
  const { pid } = scheduler.child;
  const troupe = async (...args) => (await promisify(execFile)(process.env.TROUPE, args, { env: environment })).stdout.trim();
  const token = await troupe('dashboard', '--token');
  await start(process.env.TROUPE_MANY_WORKERS, [access, String(workers), String(tasks)]);
  const get = (path, sink) =>
    new Promise((resolve, reject) => {
      const asked = request(url + path, { headers: { Authorization: `Bearer ${token}`, 'Accept-Encoding': 'gzip' } }, (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`${path}: ${answer.statusCode}`));
        let bytes = 0;
        answer.on('data', (part) => (bytes += part.length));
        answer.on('end', () => resolve(bytes));
        answer.on('error', () => resolve(bytes));
        sink?.(() => asked.destroy());
      });
      asked.on('error', (error) => (sink ? resolve(0) : reject(error)));
      asked.end();
    });
  const cluster = await new Promise((resolve, reject) => {
    const asked = request(`${url}/api/v1/cluster`, { headers: { Authorization: `Bearer ${token}` } }, (answer) => {
      let text = '';
      answer.on('data', (part) => (text += part));
      answer.on('end', () => resolve(JSON.parse(text)));
    });
    asked.on('error', reject);
    asked.end();
  });
  console.log(`${cluster.workers.total} workers, ${cluster.known} tasks known, ${cluster.history.records} runs remembered`);
  console.log('\n| what | measured |\n|---|---|');

  await pause(5000);
  const alone = await share(pid);
  row('scheduler without viewers', `${alone.toFixed(1)} % of a processor`);

  browser = await launch();
  const asked = [];
  const page = await open(browser);
  await page.goto(await troupe('dashboard'));
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
  const times = [];
  for (let i = 0; i < 5; ++i) {
    await page.goto(`${url}/status`, { waitUntil: 'commit' });
    times.push(await page.evaluate((count) => new Promise((resolve) => {
      const look = () => (document.querySelector('[data-testid=workers]')?.textContent === count && document.querySelector('[data-testid=progress-total]') ? resolve(performance.now()) : setTimeout(look, 5));
      look();
    }), workers.toLocaleString('en-US')));
  }
  row('status page of use after', `${Math.round(median(times))} ms (median of ${times.length})`);
  await pause(3000);
  page.on('request', (seen) => seen.url().startsWith(url) && asked.push(new URL(seen.url()).pathname));
  const one = await share(pid);
  // Beside the stream, which is read all the time.
  const paths = asked.filter((path) => !path.endsWith('/stream'));
  const polls = [...new Set(paths)].map((path) => ({ path, every: (seconds * 1000) / paths.filter((each) => each === path).length }));
  row('scheduler with one viewer of the status page', `${one.toFixed(1)} %: ${(one - alone).toFixed(1)} more`);
  let most = await tabBytes(browser);
  for (const path of ['workers', 'tasks', 'graph', 'groups', 'profile', 'stealing', 'status']) {
    await page.goto(`${url}/${path}`);
    await pause(2000);
    most = Math.max(most, await tabBytes(browser));
  }
  row('memory of the tab, the most over all pages', `${Math.round(most / 1e6)} MB`);

  // Ten such pages in browsers on this machine would be measured themselves: ten connections ask what the page asked.
  await browser.close();
  browser = undefined;
  const ends = [];
  let over = false;
  const viewer = async () => {
    void get('/api/v1/stream?topics=summary,workers,prefixes&interval_ms=2000', (end) => ends.push(end));
    for (const { path, every } of polls)
      void (async () => {
        const query = path.endsWith('task-stream') ? '?from=-30000&width=1000' : '';
        while (!over) {
          await get(path + query).catch(() => undefined);
          await pause(every);
        }
      })();
  };
  for (let i = 0; i < 10; ++i) void viewer();
  await pause(3000);
  const streams = await new Promise((resolve, reject) => {
    const scrape = request(`${url}/metrics`, { headers: { Authorization: `Bearer ${token}` } }, (answer) => {
      let text = '';
      answer.on('data', (part) => (text += part));
      answer.on('end', () => resolve(/^troupe_dashboard_streams (\d+)$/m.exec(text)?.[1]));
    });
    scrape.on('error', reject);
    scrape.end();
  });
  if (streams !== '10') throw new Error(`${streams} streams are open, not 10`);
  const ten = await share(pid);
  over = true;
  for (const end of ends) end();
  row('scheduler with ten viewers of it', `${ten.toFixed(1)} %: ${(ten - alone).toFixed(1)} more (each asks ${polls.map((poll) => `${poll.path} every ${(poll.every / 1000).toFixed(1)} s`).join(', ') || 'nothing'} beside the stream)`);

  for (const path of ['/metrics', '/metrics/cluster', '/api/v1/workers']) {
    const took = [];
    let bytes = 0;
    for (let i = 0; i < 20; ++i) {
      await pause(1050); // a new picture of the cluster, as at every scrape
      const begun = performance.now();
      bytes = await get(path);
      took.push(performance.now() - begun);
    }
    row(`\`${path}\``, `${median(took).toFixed(1)} ms, ${Math.round(bytes / 1024)} KiB packed (median of ${took.length})`);
  }
} finally {
  await browser?.close();
  for (const child of started.reverse()) {
    child.removeAllListeners('exit');
    child.stdin.end();
    await Promise.race([new Promise((resolve) => child.once('exit', resolve)), pause(8000)]);
    child.kill('SIGTERM');
    await Promise.race([new Promise((resolve) => child.once('exit', resolve)), pause(5000)]);
    child.kill('SIGKILL');
  }
  rmSync(folder, { recursive: true, force: true });
}
