// Text of users' programs in every field of every answer, and in every part of the address: none of it may become more than text.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MockCluster, serve } from './mock_scheduler.mjs';
import { go, launch, logIn, open, pages } from './support.mjs';

const act = 'window.hit=1';
const elements = [
  `<script>${act}</script>`, `<ScRiPt>${act}</sCrIpT>`, `<script src=/assets/app.js></script>`, `<script src=data:text/javascript,${act}></script>`, `<img src=x onerror=${act}>`, `<img src=x onerror="${act}">`, `<img/src=x/onerror=${act}>`, `<svg onload=${act}>`, `<svg><script>${act}</script></svg>`,
  `<svg><animate onbegin=${act} attributeName=x dur=1s>`, `<body onload=${act}>`, `<iframe src="javascript:${act}"></iframe>`, `<iframe srcdoc="<script>parent.${act}</script>"></iframe>`, `<object data="javascript:${act}"></object>`, `<embed src="javascript:${act}">`, `<a href="javascript:${act}" autofocus onfocus=${act}>x</a>`,
  `<input autofocus onfocus=${act}>`, `<details open ontoggle=${act}>`, `<video><source onerror=${act}></video>`, `<audio src=x onerror=${act}>`, `<marquee onstart=${act}>`, `<math><mi xlink:href="javascript:${act}">x</mi></math>`, `<style>@import '/assets/app.css';*{display:none}</style>`, `<link rel=stylesheet href="data:text/css,*{display:none}">`,
  `<meta http-equiv=refresh content="0;url=javascript:${act}">`, `<base href="//evil.example/">`, `<form action="javascript:${act}"><button autofocus>`, `<template><script>${act}</script></template>`, `<noscript><img src=x onerror=${act}></noscript>`, `<textarea autofocus onfocus=${act}>`, `<select autofocus onfocus=${act}>`, `<x onclick=${act} style="position:fixed;inset:0">`,
];
const contexts = ['', '">', "'>", '</title>', '--></style></textarea>', '`}'];
export const payloads = [
  ...contexts.flatMap((before) => elements.map((element) => before + element)),
  `javascript:${act}`, `JaVaScRiPt:${act}//`, `data:text/html,<script>${act}</script>`, `" onmouseover="${act}`, `' autofocus onfocus='${act}`, '{{constructor.constructor("window.hit=1")()}}', '${window.hit=1}', `\u2028${act}\u2029`, '&lt;script&gt;window.hit=1&lt;/script&gt;', '&#60;img src=x onerror=window.hit=1&#62;', '__proto__', 'constructor', 'toString', '\u0000<script>window.hit=1</script>', '\u202Eevil', '../../../etc/passwd', '%3Cscript%3Ewindow.hit=1%3C/script%3E', 'a'.repeat(5000),
];

/** Puts the next payloads into every string of an answer. */
function poisoner() {
  let next = 0;
  const poison = (value, name = '') => {
    if (typeof value === 'string') return name === 'schema' || name === 'epoch' || name === 'scope' ? value : payloads[next++ % payloads.length];
    if (Array.isArray(value)) return value.map((each) => poison(each, name));
    if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, poison(each, key)]));
    return value;
  };
  return poison;
}

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** What a page would have if text had become more than text. */
const harm = () =>
  [
    window.hit === undefined ? '' : 'a script ran',
    ...[...document.querySelectorAll('*')].flatMap((element) => [
      ...[...element.attributes].filter(({ name }) => name.startsWith('on')).map(({ name }) => `${element.tagName} has ${name}`),
      ['IFRAME', 'OBJECT', 'EMBED', 'IMG', 'VIDEO', 'AUDIO', 'BASE', 'STYLE', 'TEXTAREA', 'MARQUEE', 'MATH', 'TEMPLATE', 'X'].includes(element.tagName) ? `there is a ${element.tagName}` : '',
      element.tagName === 'A' && /^\s*(javascript|data|vbscript):/i.test(element.getAttribute('href') ?? '') ? `link to ${element.getAttribute('href')}` : '',
    ]),
    document.querySelectorAll('script').length > 1 ? 'there is another script' : '',
    document.querySelectorAll('link[rel=stylesheet]').length > 1 ? 'there is another style sheet' : '',
  ].filter(Boolean);

test(`none of ${payloads.length} payloads in any field of any page becomes more than text`, async () => {
  assert.ok(payloads.length >= 100);
  // Many rows in each list, and an answer every few milliseconds: each field sees many payloads in little time.
  const cluster = new MockCluster({ workers: 97, records: 500 });
  const server = await serve(cluster, { twist: poisoner() });
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  for (const path of pages) {
    await go(page, server.url, path);
    for (let round = 0; round < 4; ++round) {
      await page.waitForResponse((response) => response.url().includes('/api/v1/'), { timeout: 3000 }).catch(() => undefined);
      assert.deepEqual(await page.evaluate(harm), [], path);
    }
  }
  assert.deepEqual(page.complaints, []);
  await page.context().close();
  await server.stop();
});

test('nor does any of them in the fields of a task, of a worker, or in the address', async () => {
  const cluster = new MockCluster({ workers: 5, records: 500 });
  const server = await serve(cluster, { twist: poisoner() });
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  for (const [i, payload] of payloads.entries()) {
    await go(page, server.url, `info/task/${encodeURIComponent(payload)}`);
    await page.getByRole('heading', { name: 'Its story' }).waitFor();
    assert.deepEqual(await page.evaluate(harm), [], `task ${payload}`);
    if (i % 4 === 0) {
      await go(page, server.url, `info/worker/${(i % 5) + 1}`);
      await page.getByRole('heading', { name: 'Values it holds' }).waitFor();
      assert.deepEqual(await page.evaluate(harm), [], `worker, with ${payload}`);
      await go(page, server.url, `tasks?view=list&q=${encodeURIComponent(payload)}&prefix=${encodeURIComponent(payload)}&group=${encodeURIComponent(payload)}`);
      await page.getByRole('search').waitFor();
      assert.deepEqual(await page.evaluate(harm), [], `query ${payload}`);
      await go(page, server.url, `time?span=${encodeURIComponent(payload)}&prefix=${encodeURIComponent(payload)}`);
      await page.getByRole('combobox', { name: 'Only this span' }).waitFor();
      assert.deepEqual(await page.evaluate(harm), [], `span ${payload}`);
      await go(page, server.url, `${encodeURIComponent(payload)}`);
      assert.deepEqual(await page.evaluate(harm), [], `path ${payload}`);
    }
  }
  assert.deepEqual(page.complaints, []);
  await page.context().close();
  await server.stop();
});

test('pointing at poisoned plots shows text, in the stream, the graph and the series', async () => {
  const server = await serve(new MockCluster({ workers: 4, records: 3000 }), { twist: poisoner() });
  const page = await open(browser);
  await logIn(page, server.url, 'mock-code');
  for (const [path, canvas] of [['tasks', /Task stream/], ['graph', /Tasks and what/]]) {
    await go(page, server.url, path);
    const picture = page.getByRole('img', { name: canvas });
    await picture.waitFor();
    const box = await picture.boundingBox();
    for (let i = 1; i < 25; ++i) await page.mouse.move(box.x + 110 + (i * (box.width - 120)) / 25, box.y + (i * box.height) / 30);
    assert.deepEqual(await page.evaluate(harm), [], path);
  }
  assert.deepEqual(page.complaints, []);
  await page.context().close();
  await server.stop();
});
