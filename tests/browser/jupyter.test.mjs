// JupyterLab with Dask's panel, both as PyPI has them, shows the single plots of a cluster that works. JUPYTER is the program.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Cluster, until } from './cluster.mjs';
import { launch, open } from './support.mjs';

let cluster;
let browser;
let lab;
let jupyter;
let said = '';

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

before(async () => {
  lab = `http://127.0.0.1:${await freePort()}`;
  cluster = new Cluster({ TROUPE__DASHBOARD__FRAME_ANCESTORS: lab });
  const folder = (name) => join(cluster.folder, name);
  const home = { HOME: folder('home'), JUPYTER_CONFIG_DIR: folder('config'), JUPYTER_DATA_DIR: folder('data'), JUPYTER_RUNTIME_DIR: folder('runtime') };
  for (const path of Object.values(home)) mkdirSync(path);
  jupyter = spawn(process.env.JUPYTER, ['lab', '--allow-root', '--no-browser', '--ip=127.0.0.1', `--port=${new URL(lab).port}`, '--ServerApp.port_retries=0', '--IdentityProvider.token=let-me-in', `--ServerApp.root_dir=${home.HOME}`], { env: { ...process.env, ...home }, stdio: ['ignore', 'ignore', 'pipe'] });
  cluster.started.push(jupyter);
  jupyter.stderr.on('data', (text) => (said = (said + text).slice(-4000)));
  await cluster.work();
  await until('JupyterLab answers', async () => {
    assert.equal(jupyter.exitCode, null, said);
    return (await fetch(`${lab}/api`).catch(() => null))?.ok;
  }, 120_000);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await cluster?.stop();
});

test('Dask’s panel lists our plots, and each one opened there shows the cluster', async () => {
  const plots = await (await fetch(`${cluster.url}/individual-plots.json`)).json();
  const page = await open(browser);
  await page.goto(`${lab}/lab?token=let-me-in`);
  await page.locator('.lm-TabBar-tab[data-id*="dask"]').click({ timeout: 120_000 });
  await page.locator('.dask-URLInput input').fill(cluster.url);
  await page.keyboard.press('Enter');
  const buttons = page.locator('.dask-DashboardListing-item button');
  await until('the panel lists the plots', async () => (await buttons.count()) > 0);
  assert.deepEqual((await buttons.allTextContents()).sort(), Object.keys(plots).sort());

  const token = await cluster.troupe('dashboard', '--token');
  let first = true;
  for (const [title, path] of Object.entries(plots)) {
    await page.locator('.dask-DashboardListing-item').getByRole('button', { name: title, exact: true }).click();
    const frame = page.frameLocator(`iframe[src="${cluster.url}${path}"]`);
    if (first) {
      await frame.getByLabel('Link or token').fill(token);
      await frame.getByRole('button', { name: 'Log in' }).click();
      first = false;
    }
    await frame.getByRole('heading', { level: 1, name: title, exact: true, includeHidden: true }).waitFor({ state: 'attached' });
    await until(`${title} shows what the scheduler says`, async () => !(await frame.locator('main').innerText()).includes('Waiting for the scheduler'));
    if (process.env.TROUPE_SCREENSHOTS) await page.screenshot({ path: join(process.env.TROUPE_SCREENSHOTS, `jupyter${path.replace(/\W+/g, '-')}.png`) });
  }
  assert.deepEqual(page.complaints.filter((complaint) => complaint.includes(cluster.url)), []);
  await page.context().close();
});
