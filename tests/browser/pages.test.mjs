import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MockCluster, serve } from './mock_scheduler.mjs';
import { axe, go, launch, logIn, open, pages, shown } from './support.mjs';

let browser;
let server;
let cluster;

before(async () => {
  browser = await launch();
  cluster = new MockCluster({ workers: 8, records: 4000, speed: 0.001 });
  server = await serve(cluster);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** What must be there before a page counts as shown. */
const signs = {
  status: (page) => page.getByRole('img', { name: /Task stream: [\d,]+ runs/ }),
  workers: (page) => page.getByRole('row', { name: /worker-7/ }),
  tasks: (page) => page.getByRole('img', { name: /Task stream: [\d,]+ runs/ }),
  'tasks?view=list': (page) => page.getByRole('link', { name: 'read_block-a3f29c-0', exact: true }),
  system: (page) => page.getByRole('figure', { name: 'CPU of the scheduler' }),
  profile: (page) => page.getByRole('button', { name: /^square: / }),
  time: (page) => page.getByRole('row', { name: /read_block/ }),
  bandwidth: (page) => page.getByRole('row', { name: /vec<f64>/ }),
  gpu: (page) => page.getByText('NVIDIA H100').first(),
  'profile-server': (page) => page.getByRole('button', { name: /SchedulerState::place: 90 samples, 75 %/ }),
  graph: (page) => page.getByRole('img', { name: /Tasks and what they depend on/ }),
  groups: (page) => page.getByRole('link', { name: /join_parts/ }),
  'groups?view=table': (page) => page.getByRole('row', { name: /join_parts/ }),
  shuffle: (page) => page.getByText('300 of 400'),
  stealing: (page) => page.getByText('120 requested'),
  exceptions: (page) => page.getByText('std::out_of_range'),
  events: (page) => page.getByText('event 39:'),
  logs: (page) => page.getByText('worker-1 reported 193 finished tasks'),
};

for (const colorScheme of ['light', 'dark']) {
  test(`every page is shown, without a complaint of the browser and of axe, ${colorScheme}`, async () => {
    const page = await open(browser, { colorScheme, reducedMotion: 'reduce' });
    await logIn(page, server.url, 'mock-code');
    const findings = [];
    for (const path of [...pages, 'info/worker/3', 'info/task/join_parts-a3f29c-3']) {
      await page.goto(`${server.url}/${path}`);
      const sign = signs[path]?.(page) ?? page.getByRole('heading', { name: path.startsWith('info/worker') ? 'worker-2' : 'join_parts-a3f29c-3' });
      await sign.first().waitFor();
      findings.push(...(await axe(page)).map((finding) => `${path}: ${finding}`));
    }
    assert.deepEqual(findings, []);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
}

test('every single plot is shown alone, and is on the list for notebooks', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  const list = await (await fetch(`${server.url}/individual-plots.json`)).json();
  assert.equal(Object.keys(list).length, 32);
  const findings = [];
  for (const [title, path] of Object.entries(list)) {
    await page.goto(server.url + path);
    await page.getByRole('heading', { level: 1, name: title, includeHidden: true }).waitFor({ state: 'attached' });
    await page.locator('main canvas, main table, main figure, main svg, main ul, main ol').first().waitFor({ state: 'attached' });
    assert.equal(await page.getByRole('navigation').count(), 0, `${path} has a menu`);
    assert.equal(await page.getByText('Waiting for the scheduler').count(), 0, `${path} waits for data that it does not ask for`);
    findings.push(...(await axe(page)).map((finding) => `${path}: ${finding}`));
  }
  assert.deepEqual(findings, []);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('time is shown by action and by function, and of one function alone', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await go(page, server.url, 'time');
  await page.getByTestId('action-transfer').getByText('1 min 02 s').waitFor();
  const table = page.getByRole('table', { name: 'Time by function and activity' });
  await table.getByRole('row', { name: /of no one function/ }).waitFor();
  assert.equal(await table.locator('tbody tr').count(), 8);
  await page.getByRole('combobox', { name: 'Only this prefix' }).selectOption('parse');
  await lines(page, table, ['parse']);
  assert.equal(new URL(page.url()).searchParams.get('prefix'), 'parse');
  await page.getByTestId('action-transfer').getByText('1 min 02 s').waitFor();
  assert.deepEqual(await axe(page), []);
  await page.context().close();
});

/** Waits until these names, and no others, are in the first column. */
async function lines(page, table, names) {
  const first = table.locator('tbody tr td:first-child');
  for (let tries = 0; tries < 100; ++tries) {
    if ((await first.allInnerTexts()).join() === names.join()) return;
    await page.waitForTimeout(50);
  }
  assert.deepEqual(await first.allInnerTexts(), names);
}

test('time is shown by span, and the functions of one span alone, by keys and on the single plot', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await go(page, server.url, 'time?prefix=histogram');
  const table = page.getByRole('table', { name: 'Time by span' });
  await lines(page, table, ['nightly', 'nightly/parse', 'weekly report']);
  assert.match(await table.getByRole('row', { name: /nightly\/parse/ }).innerText(), /1 min 21 s\s+15,000\s+10,000\s+12\s+1.40 GiB\s+32.6 GiB\s+1 min ago/);
  await table.getByRole('img', { name: 'thread-cpu 2 min 00 s, thread-noncpu 40.0 s', exact: true }).waitFor();
  const functions = page.getByRole('table', { name: 'Time by function and activity' });
  const choice = page.getByRole('combobox', { name: 'Only this span' });
  const link = table.getByRole('link', { name: 'nightly', exact: true });
  await link.focus();
  await page.keyboard.press('Enter');
  await lines(page, functions, ['read_block', 'parse', 'filter_rows']);
  assert.equal(new URL(page.url()).search, '?span=nightly');
  assert.equal(await choice.inputValue(), 'nightly');
  assert.equal(await link.getAttribute('aria-current'), 'true');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'nightly', 'what was pressed keeps the focus');
  await page.getByText('in the span nightly', { exact: true }).waitFor();
  assert.deepEqual(await axe(page), []);
  await choice.selectOption('weekly report');
  await lines(page, functions, ['histogram']);
  await page.getByRole('combobox', { name: 'Only this prefix' }).selectOption('parse');
  await page.getByText('No run of parse in the span weekly report has ended yet.').waitFor();
  await page.goto(`${server.url}/individual-fine-performance-metrics?span=nightly%2Fparse`);
  await lines(page, functions, ['parse', 'filter_rows']);
  await choice.focus();
  await page.keyboard.press('Home');
  await functions.getByRole('row', { name: /of no one function/ }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Only this span');
  assert.equal(new URL(page.url()).search, '');
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('where no span was made, it is said what one is, and none can be chosen', async () => {
  const without = await serve(Object.assign(new MockCluster({ workers: 2, records: 100 }), { spanFunctions: () => [] }));
  try {
    const page = await open(browser);
    await logIn(page, without.url, 'mock-code');
    await go(page, without.url, 'time');
    await page.getByText('troupe::Span span("nightly");').waitFor();
    await page.getByRole('combobox', { name: 'Only this prefix' }).waitFor();
    assert.equal(await page.getByRole('combobox', { name: 'Only this span' }).count(), 0);
    assert.deepEqual(await axe(page), []);
    // An address that names a span which is gone can be left.
    await go(page, without.url, 'time?span=gone');
    await page.getByText('No run in the span gone has ended yet.').waitFor();
    await page.getByRole('combobox', { name: 'Only this span' }).selectOption('');
    await page.getByRole('row', { name: /read_block/ }).waitFor();
    await page.context().close();
  } finally {
    await without.stop();
  }
});

test('shuffles are in the menu, and groups that are made by one lead there', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await go(page, server.url, 'groups?view=table');
  const links = page.getByRole('table', { name: 'Groups' }).getByRole('link', { name: 'shuffle', exact: true });
  await links.first().waitFor();
  assert.equal(await links.count(), 2);
  assert.deepEqual(await axe(page), []);
  await links.first().click();
  await page.getByRole('heading', { level: 1, name: 'Shuffles' }).waitFor();
  assert.equal(await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Shuffles' }).getAttribute('aria-current'), 'page');
  await page.context().close();
});

test('bandwidth is a map with the same figures as text beside it', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await go(page, server.url, 'bandwidth');
  const told = cluster.bandwidth(new URLSearchParams());
  const map = page.getByRole('img', { name: /Bandwidth from worker to worker/ });
  await map.waitFor();
  assert.equal(await map.locator('i.bar-part').count(), told.pairs.length);
  await page.getByText('as text').click();
  await page.getByText(`${told.pairs.length} pairs`, { exact: true }).waitFor();
  assert.deepEqual(await axe(page), []);
  await page.context().close();
});

test('GPUs are shown as their workers tell of them, and where there is none that is said', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await page.goto(`${server.url}/individual-gpu-utilization`);
  const gpus = cluster.workers().workers.flatMap((worker) => worker.gpus);
  await page.getByText(`${gpus.length} GPUs`).waitFor();
  assert.deepEqual(await page.locator('main li .value').allInnerTexts(), ['20 %', 'not told', '50 %', '80 %', 'not told']);
  await page.goto(`${server.url}/individual-gpu-memory`);
  await page.getByText('50.0 GiB of 80.0 GiB').first().waitFor();
  await page.goto(`${server.url}/individual-rmm-memory`);
  await page.getByText('9.00 GiB of 80.0 GiB').first().waitFor();
  const without = await serve(Object.assign(new MockCluster({ workers: 2, records: 100 }), { workers() { const told = MockCluster.prototype.workers.call(this); told.workers.forEach((worker) => (worker.gpus = [])); return told; } }));
  try {
    const other = await open(browser);
    await logIn(other, without.url, 'mock-code');
    for (const plot of ['gpu-utilization', 'gpu-memory', 'rmm-memory']) {
      await other.goto(`${without.url}/individual-${plot}`);
      await other.getByText('No worker has reported a GPU.').waitFor();
    }
    await other.context().close();
  } finally {
    await without.stop();
  }
  await page.context().close();
});

test('figures are those of the scheduler', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await page.getByTestId('progress-total').waitFor();
  const told = cluster.cluster();
  assert.equal(await shown(page, 'workers'), told.workers.total);
  assert.equal(await shown(page, 'tasks'), told.known);
  assert.equal(await shown(page, 'processing'), told.tasks.processing);
  assert.equal(await shown(page, 'erred'), told.tasks.erred);
  assert.match(await page.getByTestId('progress-total').innerText(), new RegExp(`of ${told.known.toLocaleString('en-US')} done`));
  await go(page, server.url, 'workers');
  const total = page.locator('tfoot td');
  await total.first().waitFor();
  assert.match((await total.allInnerTexts()).join(' '), /Total \(8\)/);
  await page.context().close();
});

test('a table sorts, filters and says how much is left', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await go(page, server.url, 'workers');
  const names = () => page.locator('tbody tr td:first-child a').allInnerTexts();
  await page.getByRole('row', { name: /worker-7/ }).waitFor();
  await page.getByRole('button', { name: 'Name' }).click();
  assert.deepEqual(await names(), [7, 6, 5, 4, 3, 2, 1, 0].map((n) => `worker-${n}`));
  await page.getByRole('searchbox', { name: 'Filter workers' }).fill('paused');
  await page.getByText('1 of 8 workers fit').waitFor();
  assert.deepEqual(await names(), ['worker-7']);
  await page.context().close();
});

test('filters of the list of tasks stand in the address', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await go(page, server.url, 'tasks?view=list');
  await page.getByLabel('State').selectOption('erred');
  await page.waitForURL(/state=erred/);
  await page.getByRole('link', { name: 'join_parts-a3f29c-3', exact: true }).waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll('tbody .state')].every((cell) => cell.textContent === 'erred'));
  const address = page.url();
  await page.goto(address);
  await page.getByRole('link', { name: 'join_parts-a3f29c-3', exact: true }).waitFor();
  assert.equal(await page.getByLabel('State').inputValue(), 'erred');
  await page.context().close();
});

test('keys alone lead through the page', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'To the contents');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'MAIN');
  const stream = page.getByRole('img', { name: /Task stream: [\d,]+ runs/ });  // before there are any, keys do nothing
  await stream.focus();
  await page.keyboard.press('+');
  await page.getByRole('button', { name: 'follow', pressed: false }).waitFor();
  await page.keyboard.press('0');
  await page.getByRole('button', { name: 'follow', pressed: true }).waitFor();
  await page.getByRole('tab', { name: 'Processing' }).focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.getByRole('tab', { name: 'CPU' }).getAttribute('aria-selected'), 'true');
  await page.context().close();
});

test('pointing at a rectangle of the task stream tells what it is, and a click opens the task', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await go(page, server.url, 'tasks');
  const stream = page.getByRole('img', { name: /Task stream: [\d,]+ runs/ });
  await stream.waitFor();
  await page.getByRole('button', { name: '10 s' }).click();
  const box = await stream.boundingBox();
  const tip = page.locator('.tip .mono');
  for (let x = box.x + box.width - 20; x > box.x + 100 && (await tip.count()) === 0; x -= 7) await page.mouse.move(x, box.y + 10);
  const key = await tip.innerText();
  await page.mouse.down();
  await page.mouse.up();
  await page.waitForURL(/info\/task\//);
  await page.getByRole('heading', { level: 1 }).filter({ hasText: /-\d+-\d+$/ }).waitFor();
  assert.match(key, /-\d+-\d+$/);
  await page.context().close();
});

test('the stream is zoomed by the wheel about the pointer, moved by dragging, and followed again', async () => {
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await go(page, server.url, 'tasks');
  const stream = page.getByRole('img', { name: /Task stream: [\d,]+ runs/ });
  await stream.waitFor();
  const box = await stream.boundingBox();
  const asked = () => page.waitForRequest((request) => request.url().includes('/task-stream') && Number(new URL(request.url()).searchParams.get('to')) > 0);
  const span = (request) => { const query = new URL(request.url()).searchParams; return Number(query.get('to')) - Number(query.get('from')); };
  await page.mouse.move(box.x + 700, box.y + 100);
  const [zoomed] = await Promise.all([asked(), page.mouse.wheel(0, -400)]);
  assert.ok(span(zoomed) < 60_000 && span(zoomed) > 0, `${span(zoomed)} ms`);
  await page.mouse.down();
  const [moved] = await Promise.all([asked(), page.mouse.move(box.x + 500, box.y + 100, { steps: 3 })]);
  await page.mouse.up();
  assert.ok(Math.abs(span(moved) - span(zoomed)) < 1);
  assert.ok(Number(new URL(moved.url()).searchParams.get('from')) > Number(new URL(zoomed.url()).searchParams.get('from')), 'dragged to the left is later');
  await page.getByRole('button', { name: 'follow' }).click();
  await page.waitForRequest((request) => request.url().includes('/task-stream') && new URL(request.url()).searchParams.get('to') === '0');
  await page.context().close();
});

test('colours can be chosen, and are kept', async () => {
  const page = await open(browser, { colorScheme: 'light' });
  await logIn(page, server.url, 'mock-code');
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  const button = page.getByRole('button', { name: /^Colours/ });
  await button.click();
  await button.click();
  assert.notEqual(await background(), light);
  await page.reload();
  await page.getByRole('navigation').first().waitFor();
  assert.notEqual(await background(), light);
  await page.context().close();
});

test('stacks are shown by window, zoomed by keys, and two windows compared', async () => {
  const page = await open(browser, {});
  await logIn(page, server.url, 'mock-code');
  await page.goto(`${server.url}/profile`);
  await page.getByRole('button', { name: /^square: 160 samples, 80 %/ }).first().waitFor();
  await page.getByRole('button', { name: /^load: / }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /^inflate: 40 samples, 20 %/ }).waitFor();
  assert.equal(await page.getByRole('button', { name: /^square: / }).count(), 0);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^square: / }).first().waitFor();
  await page.getByRole('button', { name: 'Compare others with this window' }).click();
  await page.getByRole('columnheader', { name: 'Baseline' }).waitFor();
  // A window is chosen with the mouse: the mock has more of one function in it.
  const line = page.getByRole('application', { name: /Busy threads/ });
  const box = await line.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 100, box.y + 20);
  await page.mouse.up();
  await page.getByRole('button', { name: /^read: 200 samples, 56 %, \+36 %/ }).waitFor();
  await page.getByRole('button', { name: /^multiply: 120 samples, 33 %, −27 %/ }).waitFor();
  assert.deepEqual(await axe(page), []);
  // And by keys: 0 goes with the clock again.
  await line.focus();
  const label = await line.getAttribute('aria-label');
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction((before) => document.querySelector('[role=application]')?.getAttribute('aria-label') !== before, label);
  await page.keyboard.press('0');
  await page.getByRole('button', { name: /^read: 40 samples/ }).waitFor();
  await page.getByRole('combobox', { name: 'Only this prefix' }).selectOption('filter_rows');
  await page.getByText('No task was seen at work in this window').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('prefix'), 'filter_rows');
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('the page of a task shows what it logged and what it is made from', async () => {
  const page = await open(browser, {});
  await logIn(page, server.url, 'mock-code');
  await page.goto(`${server.url}/info/task/join_parts-a3f29c-3`);
  await page.getByRole('log', { name: 'Log lines of this task' }).getByText('read 3 of 3 blocks').waitFor();
  const lineage = page.getByRole('table', { name: 'Its lineage' });
  await lineage.getByRole('link', { name: 'parse-a3f29c-1', exact: true }).waitFor();
  assert.deepEqual(await axe(page), []);
  await page.context().close();
});

test('an admin scales a cluster that can be scaled, after a question', async () => {
  const page = await open(browser, {});
  await logIn(page, server.url, 'mock-code');
  await page.goto(`${server.url}/workers`);
  await page.getByRole('spinbutton', { name: 'Workers that there should be' }).fill('12');
  await page.getByRole('button', { name: 'Scale' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Scale' }).click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  assert.deepEqual(cluster.actions.at(-1), { path: '/api/v1/scale', workers: 12 });
  await page.context().close();
});

test('the page of a worker shows what it logged', async () => {
  const page = await open(browser, {});
  await logIn(page, server.url, 'mock-code');
  await page.goto(`${server.url}/info/worker/3`);
  await page.getByRole('log', { name: 'Log lines of this worker' }).getByText('worker-1 reported 193 finished tasks').waitFor();
  await page.context().close();
});

test('log lines of a worker that have the same number are all shown', async () => {
  const same = new MockCluster({ workers: 2, records: 100 });
  const logs = same.logs.bind(same);
  const told = await serve(Object.assign(same, { logs: () => ({ ...logs(), lines: logs().lines.map((line) => ({ ...line, seq: 7 })) }) }));
  try {
    const page = await open(browser);
    await logIn(page, told.url, 'mock-code');
    await page.goto(`${told.url}/info/worker/1`);
    const lines = page.getByRole('log', { name: 'Log lines of this worker' });
    await lines.getByText('worker-1 reported 193 finished tasks').waitFor();
    await page.waitForResponse((response) => response.url().includes('/logs'));
    assert.equal(await lines.locator('.line').count(), 200);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  } finally {
    await told.stop();
  }
});
