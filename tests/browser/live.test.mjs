// The pages on a real cluster that works.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Cluster, until } from './cluster.mjs';
import { axe, go, launch, open, pages, shown } from './support.mjs';

const cluster = new Cluster();
const api = (path) => cluster.api(path);
const screenshots = process.env.TROUPE_SCREENSHOTS;
let browser;
let url;
let load;
let scheduler;

before(async () => {
  await cluster.work();
  ({ url, load, scheduler } = cluster);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await cluster.stop();
});

async function loggedIn(options) {
  const page = await open(browser, options);
  await page.goto(await cluster.troupe('dashboard', '--admin'));
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
  return page;
}

test('the link that the command line prints is good once', async () => {
  const link = await cluster.troupe('dashboard');
  const page = await open(browser);
  await page.goto(link);
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
  assert.equal(new URL(page.url()).hash, '');
  const other = await open(browser);
  await other.goto(link);
  await other.getByRole('alert').filter({ hasText: 'used before' }).waitFor();
  for (const each of [page, other]) await each.context().close();
});

test('every page shows the cluster at work, without a complaint', async () => {
  const findings = [];
  for (const colorScheme of ['light', 'dark']) {
    const page = await loggedIn({ colorScheme });
    for (const path of pages) {
      await page.goto(`${url}/${path}`);
      await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
      await page.locator('main h1').first().waitFor({ state: 'attached' });
      await page.waitForFunction(() => !document.querySelector('main')?.textContent.includes('Waiting for the scheduler'));
      assert.equal(await page.getByText('There is no such page').count(), 0, path);
      findings.push(...(await axe(page)).map((finding) => `${path}: ${finding}`));
      if (screenshots) {
        mkdirSync(screenshots, { recursive: true });
        await page.waitForTimeout(3000);
        await page.screenshot({ path: join(screenshots, `${path.replace(/\W+/g, '-')}-${colorScheme}.png`) });
      }
    }
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
  assert.deepEqual(findings, []);
});

test('every single plot of the list for notebooks is served and shows data', async () => {
  const page = await loggedIn();
  const list = await (await fetch(`${url}/individual-plots.json`)).json();
  for (const [title, path] of Object.entries(list)) {
    assert.equal((await page.goto(url + path)).status(), 200);
    await page.getByRole('heading', { level: 1, name: title, includeHidden: true }).waitFor({ state: 'attached' });
    await page.waitForFunction(() => !document.querySelector('main')?.textContent.includes('Waiting for the scheduler'));
  }
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('times, bandwidth and the scheduler’s own stacks are those of the interface', async () => {
  const page = await loggedIn();
  await until('values move', async () => (await api('/api/v1/bandwidth')).all.values > 0);
  load.kill('SIGSTOP');
  try {
    let spent;
    let moved;
    await until('nothing more is told', async () => {
      const before = JSON.stringify([(await api('/api/v1/time-spent')).activities, (await api('/api/v1/bandwidth')).all]);
      await new Promise((resolve) => setTimeout(resolve, 1200));
      [spent, moved] = [await api('/api/v1/time-spent'), await api('/api/v1/bandwidth')];
      return JSON.stringify([spent.activities, moved.all]) === before;
    });
    await page.goto(`${url}/time`);
    const table = page.getByRole('table', { name: 'Time by function and activity' });
    await table.locator('tbody tr').first().waitFor();
    const runs = async () => Number((await table.locator('tfoot td').nth(3).innerText()).replace(/\D/g, ''));
    const all = spent.functions.reduce((sum, row) => sum + row.runs, 0);
    await until('the page counts all runs', async () => (await runs()) === all, 10_000);
    assert.ok(all > 500, `${all} runs`);
    assert.ok(spent.activities.thread_cpu_s + spent.activities.thread_noncpu_s + spent.activities.execute_s > 0);
    await page.goto(`${url}/bandwidth`);
    const types = page.getByRole('table', { name: 'Bandwidth by type of the values moved' });
    await types.locator('tbody tr').first().waitFor();
    assert.equal(await types.locator('tbody tr').count(), moved.types.length);
    await page.getByText('as text').click();
    const pairs = page.getByRole('table', { name: 'Bandwidth by pair of workers' });
    const values = Number((await pairs.locator('tfoot td').nth(4).innerText()).replace(/\D/g, ''));
    assert.equal(values, moved.pairs.reduce((sum, pair) => sum + pair.values, 0));
    assert.equal(values + moved.others.values, moved.all.values);
  } finally {
    load.kill('SIGCONT');
  }
  await until('the scheduler is seen at work', async () => (await api('/api/v1/profile/scheduler')).samples > 3);
  await page.goto(`${url}/profile-server`);
  await page.getByRole('button', { name: /^event loop: / }).waitFor();
  assert.equal(await page.getByRole('button', { name: /epoll_wait/ }).count(), 0);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('the figures shown are the scheduler’s own', async () => {
  const page = await loggedIn();
  await page.getByTestId('progress-total').waitFor();
  // The client is held where it is, so that the cluster comes to rest with its values.
  load.kill('SIGSTOP');
  try {
    let counts;
    await until('the cluster rests', async () => {
      const before = JSON.stringify(await api('/json/counts.json'));
      await new Promise((resolve) => setTimeout(resolve, 700));
      counts = await api('/json/counts.json');
      return JSON.stringify(counts) === before;
    });
    const now = await api('/api/v1/cluster');
    await until('the page shows what the scheduler says', async () => (await shown(page, 'tasks')) === counts.tasks, 10_000);
    assert.equal(await shown(page, 'workers'), counts.workers);
    assert.equal(await shown(page, 'processing'), counts.processing);
    assert.equal(await shown(page, 'erred'), counts.erred);
    const { memory, released, erred } = now.tasks;
    const written = (value) => value.toLocaleString('en-US');
    assert.match(await page.getByTestId('progress-total').innerText(), new RegExp(`^${written(memory + released + erred)} of ${written(counts.tasks)} done`));
    await go(page, url, 'tasks?view=list');
    await page.getByTestId('tasks-known').filter({ hasText: `of ${written(counts.tasks)} tasks known` }).waitFor();
    await go(page, url, 'exceptions');
    const exceptions = await api('/api/v1/exceptions');
    if (exceptions.groups.length > 0) {
      assert.equal(await shown(page, 'exceptions-total'), exceptions.total);
      await page.getByText(exceptions.groups[0].message).first().waitFor();
    }
    await go(page, url, 'stealing');
    assert.equal(await until('steals are shown', () => shown(page, 'steals-requested').catch(() => null), 5000), (await api('/api/v1/stealing')).requested);
    await go(page, url, 'workers');
    const workers = await api('/api/v1/workers');
    for (const { name } of workers.workers) await page.getByRole('link', { name, exact: true }).waitFor();
  } finally {
    load.kill('SIGCONT');
  }
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('a task tells its state, its story, what it depends on and why it is where it is', async () => {
  const page = await loggedIn();
  load.kill('SIGSTOP');
  try {
    const { tasks } = await until('there are tasks', async () => {
      const answer = await api('/api/v1/tasks?limit=50');
      return answer.tasks.length > 0 && answer;
    });
    for (const { key } of tasks.slice(0, 5)) {
      await go(page, url, `info/task/${encodeURIComponent(key)}`);
      const told = await api(`/api/v1/tasks/${encodeURIComponent(key)}`);
      await page.getByRole('heading', { level: 1, name: key }).waitFor();
      for (const line of told.why.lines) await page.getByText(line, { exact: true }).first().waitFor();
      await page.getByText(told.function, { exact: true }).first().waitFor();
      assert.equal(await page.locator('.story li').count(), told.story.length);
      await page.getByText(told.dependencies.total === 0 ? '0 tasks' : /tasks?$/).first().waitFor();
    }
    assert.deepEqual(await axe(page), []);
    await go(page, url, 'info/task/there-is-none-of-this-name');
    await page.getByText('This task is not known').waitFor();
  } finally {
    load.kill('SIGCONT');
  }
  await page.context().close();
});

test('a scheduler that is silent is shown as lost, and as live when it is back', async () => {
  const page = await loggedIn();
  const workers = (await api('/api/v1/cluster')).workers.total;
  await until('the page shows the workers', async () => (await shown(page, 'workers')) === workers);
  scheduler.kill('SIGSTOP');
  try {
    await page.getByRole('alert').filter({ hasText: 'Scheduler lost' }).filter({ hasText: /what is shown is from/ }).waitFor({ timeout: 20_000 });
    assert.equal(await shown(page, 'workers'), workers);
  } finally {
    scheduler.kill('SIGCONT');
  }
  await page.getByRole('status').filter({ hasText: 'live' }).waitFor({ timeout: 40_000 });
  await page.context().close();
});

test('an admin drains a worker from its page', async () => {
  const page = await loggedIn();
  const before = (await api('/api/v1/workers')).workers;
  const { id, name } = before[0];
  await go(page, url, `info/worker/${id}`);
  await page.getByRole('button', { name: 'Drain' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await until('it is gone', async () => !(await api('/api/v1/workers')).workers.some((worker) => worker.id === id));
  await go(page, url, 'events');
  await page.getByText(name).first().waitFor();
  await page.context().close();
});

test('a cluster whose scheduler was killed is looked at on the same pages', async () => {
  const finished = (await api('/api/v1/cluster')).totals.finished;
  scheduler.kill('SIGKILL');
  const { line } = await cluster.start(process.env.TROUPE, ['history', 'serve', '-o', 'json']);
  const { dashboard, http, ending } = JSON.parse(line);
  assert.equal(ending, 'killed');
  const page = await open(browser);
  await page.goto(dashboard);
  await page.getByTestId('recorded').filter({ hasText: 'it was killed, and last seen at' }).waitFor();
  await page.waitForFunction(() => document.querySelector('[data-testid="progress-total"]'));
  const told = await page.evaluate(async () => {
    const token = sessionStorage.getItem('troupe.token');
    return (await fetch('api/v1/cluster', { headers: { Authorization: `Bearer ${token}` } })).json();
  });
  // Pictures are written every two seconds: what was told a moment before may be newer.
  assert.ok(told.totals.finished > 500 && told.totals.finished <= finished + 100_000, `${told.totals.finished} of ${finished}`);
  assert.equal(await shown(page, 'workers'), told.workers.total);
  for (const path of pages) {
    await page.goto(`${http}/${path}`);
    await page.getByTestId('recorded').waitFor();
    await page.locator('main h1').first().waitFor({ state: 'attached' });
    await page.waitForFunction(() => !document.querySelector('main')?.textContent.includes('Waiting for the scheduler'));
    assert.deepEqual(await axe(page), [], path);
    if (screenshots) await page.screenshot({ path: join(screenshots, `recorded-${path.replace(/\W+/g, '-')}.png`) });
  }
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});
