import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { MockCluster, serve } from './mock_scheduler.mjs';
import { axe, go, launch, logIn, open } from './support.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test('a one-time link logs in, and leaves no trace in the address', async () => {
  const server = await serve(new MockCluster());
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  assert.equal(new URL(page.url()).hash, '');
  assert.deepEqual(await page.context().cookies(), []);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.equal(await page.evaluate(() => sessionStorage.getItem('troupe.token')), 'mock-token');
  const other = await open(browser);
  await other.goto(`${server.url}/status`);
  await other.getByLabel('Link or token').waitFor();
  await page.context().close();
  await other.context().close();
  await server.stop();
});

test('a used link says so, and a token or a new link can be pasted', async () => {
  const server = await serve(new MockCluster());
  const page = await open(browser);
  await page.goto(`${server.url}/status#code=used`);
  await page.getByRole('alert').filter({ hasText: 'used before' }).waitFor();
  assert.deepEqual(await axe(page), []);
  await page.getByLabel('Link or token').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'not known' }).waitFor();
  await page.getByLabel('Link or token').fill(`${server.url}/status#code=mock-code`);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByTestId('workers').waitFor();
  // In the address bar of a page that is open already, a link is a change of the fragment only; a bad one ends nothing.
  await page.goto(`${server.url}/status#code=used`);
  await page.waitForURL((url) => url.hash === '');
  await page.getByTestId('workers').waitFor();
  const other = await open(browser);
  await other.goto(`${server.url}/status`);
  await other.getByLabel('Link or token').waitFor();
  await other.goto(`${server.url}/status#code=mock-code`);
  await other.getByTestId('workers').waitFor();
  await other.context().close();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
  await server.stop();
});

test('a lost scheduler is shown as lost, with its last state and its age, and comes back by itself', async () => {
  const cluster = new MockCluster();
  const first = await serve(cluster);
  const port = Number(new URL(first.url).port);
  const page = await open(browser);
  await logIn(page, first.url, 'mock-code');
  await page.getByTestId('progress-total').waitFor();
  await first.stop();
  const alarm = page.getByRole('alert').filter({ hasText: 'Scheduler lost' });
  await alarm.waitFor();
  await alarm.filter({ hasText: /what is shown is from \d\d:\d\d:\d\d, \d+ s ago/ }).waitFor();
  assert.equal(await page.getByTestId('workers').innerText(), '8');
  assert.deepEqual(await axe(page), []);
  const second = await serve(cluster, { port });
  await page.getByRole('status').filter({ hasText: 'live' }).waitFor({ timeout: 30_000 });
  assert.equal(await alarm.count(), 0);
  await page.context().close();
  await second.stop();
});

test('a scheduler that was started anew is told apart, and its token is asked for', async () => {
  const first = await serve(new MockCluster());
  const port = Number(new URL(first.url).port);
  const page = await open(browser);
  await logIn(page, first.url, 'mock-code');
  await first.stop();
  const second = await serve(new MockCluster({ token: 'another' }), { port });
  await page.getByRole('alert').filter({ hasText: 'no longer valid' }).waitFor({ timeout: 30_000 });
  await page.context().close();
  await second.stop();
});

test('an admin is asked before anything is done, and one who may read is not offered it', async () => {
  const cluster = new MockCluster();
  const server = await serve(cluster);
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  await go(page, server.url, 'info/worker/1');
  await page.getByRole('button', { name: 'Drain' }).click();
  const dialog = page.getByRole('dialog', { name: 'Drain worker-0?' });
  await dialog.waitFor();
  assert.deepEqual(await axe(page), []);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.deepEqual(cluster.actions, []);
  await page.getByRole('button', { name: 'Drain' }).click();
  await dialog.getByRole('button', { name: 'Drain' }).click();
  await page.getByRole('status').filter({ hasText: 'done' }).waitFor();
  assert.deepEqual(cluster.actions.map(({ path }) => path), ['/api/v1/workers/1/drain']);

  await go(page, server.url, 'tasks?view=list&state=erred');
  await page.getByRole('checkbox', { name: 'Mark all' }).check();
  await page.getByRole('button', { name: /^Try again \(200\)/ }).click();
  await page.getByRole('dialog').getByText('and 192 more').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  assert.equal(cluster.actions.at(-1).path, '/api/v1/tasks/retry');
  assert.equal(cluster.actions.at(-1).keys.length, 200);

  const reader = await serve(new MockCluster({ scope: 'read' }));
  const other = await open(browser);
  await logIn(other, reader.url, 'mock-code');
  await go(other, reader.url, 'info/worker/1');
  await other.getByRole('heading', { name: 'worker-0' }).waitFor();
  assert.equal(await other.getByRole('button', { name: /Drain|Restart/ }).count(), 0);
  for (const each of [page, other]) await each.context().close();
  await server.stop();
  await reader.stop();
});

test('panels of a notebook show single plots, and one login is enough for all of them', async () => {
  // The notebook is another site's page, which may frame ours since it was allowed to; JupyterLab's panel forbids forms there.
  let server;
  const notebook = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end(['task-stream', 'progress'].map((name) => `<iframe name="${name}" sandbox="allow-scripts allow-same-origin" width="600" height="400" src="${server.url}/individual-${name}"></iframe>`).join(''));
  });
  await new Promise((resolve) => notebook.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${notebook.address().port}`;
  server = await serve(new MockCluster({ scope: 'read' }), { frameAncestors: address });
  const page = await open(browser);
  await page.goto(address);
  const [stream, progress] = ['task-stream', 'progress'].map((name) => page.frameLocator(`iframe[name=${name}]`));
  await progress.getByLabel('Link or token').waitFor();
  await stream.getByLabel('Link or token').fill(`${server.url}/status#code=mock-code`);
  await stream.getByRole('button', { name: 'Log in' }).click();
  await stream.getByRole('img', { name: /Task stream/ }).waitFor();
  await progress.getByTestId('progress-total').waitFor();
  // Links leave the frame.
  assert.equal(await progress.getByRole('link', { name: 'parse' }).getAttribute('target'), '_blank');
  assert.deepEqual(page.complaints, []);
  await page.context().close();
  await server.stop();

  const strict = await serve(new MockCluster());
  server = strict;
  const other = await open(browser);
  await Promise.all([other.waitForEvent('console', { predicate: (message) => message.text().includes('frame-ancestors') }), other.goto(address)]);
  await other.context().close();
  await strict.stop();
  notebook.close();
});
