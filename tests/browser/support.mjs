// What the tests of the dashboard share: a browser, a page that is logged in and has an eye on its own mistakes.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const pages = ['status', 'workers', 'tasks', 'tasks?view=list', 'system', 'time', 'bandwidth', 'gpu', 'profile', 'profile-server', 'graph', 'groups', 'groups?view=table', 'shuffle', 'stealing', 'exceptions', 'events', 'logs'];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A page that knows every complaint of the browser about it: uncaught errors, refused scripts and styles, error lines. */
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    // The browser says by itself that an answer had status 404 or that a connection broke; what the page makes of it is tested.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) page.complaints.push(message.text());
  });
  page.on('dialog', (dialog) => {
    page.complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  return page;
}

export async function logIn(page, url, code) {
  await page.goto(`${url}/status#code=${code}`);
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
}

/** Goes to a page as people do who follow a link: without loading everything anew. */
export async function go(page, url, path) {
  await page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, `${url}/${path}`);
}

/** Findings of axe that keep somebody from using the page. */
export async function axe(page) {
  // By the debugger's door, since the page's policy lets no foreign script in.
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axeSource });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found.violations.map((v) => v.id + ' (' + v.impact + '): ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | '))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  return JSON.parse(result.value);
}

/** Bytes of the processes that a page lives in, without what they share with others. */
export async function tabBytes(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  let most = 0;
  for (const { type, id } of processInfo) {
    if (type !== 'renderer') continue;
    const rollup = readFileSync(`/proc/${id}/smaps_rollup`, 'utf8');
    most = Math.max(most, 1024 * Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0));
  }
  return most;
}

/** A number as the page shows it, from the element with this test id. */
export async function shown(page, id) {
  const text = await page.getByTestId(id).first().innerText();
  return Number(text.replace(/[^\d.]/g, ''));
}
