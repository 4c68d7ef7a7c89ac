import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, describe, it } from 'node:test';
import type { Page as BrowserPage } from 'playwright-core';
import { startBackend, type Page } from '../backend.ts';
import { startCluster } from '../cluster.ts';
import { inboxOf, PATIENCE_MS, subscribed } from '../sdk.ts';
import { launchChromium } from '../support/chromium.ts';

const cluster = await startCluster({ edges: 2, apis: 1 });
const sdk = cluster.serverSdk(0);
const require = createRequire(import.meta.url);

/** Every build for bundlers, pages and workers that the package ships. */
const builds = [
  'cjs/pusher.js',
  'cjs/pusher-with-encryption.js',
  'web/pusher.js',
  'web/pusher.min.js',
  'web/pusher-with-encryption.js',
  'web/pusher-with-encryption.min.js',
  'worker/pusher.worker.js',
  'worker/pusher.worker.min.js',
  'worker/pusher-with-encryption.worker.js',
  'worker/pusher-with-encryption.worker.min.js',
] as const;

const backend = await startBackend(sdk, ({ pathname, searchParams }): Page | undefined => {
  if (pathname === '/favicon.ico') return { type: 'image/x-icon', body: '' };
  if (pathname === '/page') {
    const script = searchParams.get('script');
    const tag = script === null ? '' : `<script src="/${script}"></script>`;
    return { type: 'text/html', body: `<!doctype html><title>page</title>${tag}` };
  }
  if (pathname === '/worker')
    return { type: 'text/javascript', body: workerOf(searchParams.get('script') ?? '') };
  const build = builds.find((each) => pathname === `/${each}`);
  return build && { type: 'text/javascript', body: scriptOf(build) };
});
const browser = await launchChromium();
after(async () => {
  await browser.close();
  for (const each of [backend, cluster]) await each[Symbol.asyncDispose]();
});

/** A build for bundlers finds its module where they would put it. */
function scriptOf(build: string): string {
  const code = readFileSync(require.resolve(`pusher-js/dist/${build}`), 'utf8');
  if (!build.startsWith('cjs/')) return code;
  return `{ const module = { exports: {} }; ((exports) => {${code}\n})(module.exports);
    self.Pusher = module.exports.default ?? module.exports; }`;
}

function optionsOf(transport: 'ajax' | 'jsonp'): string {
  return JSON.stringify({
    cluster: 'fanfare',
    wsHost: '127.0.0.1',
    wsPort: cluster.edges[1]?.port,
    forceTLS: false,
    enabledTransports: ['ws', 'wss'],
    channelAuthorization: { transport, endpoint: `${backend.url}/channels`, params: { user: '7' } },
    userAuthentication: { transport, endpoint: `${backend.url}/users`, params: { user: '7' } },
  });
}

/** What a page or a worker does with an SDK: it says by `hear` what it is told. */
function program(name: string, transport: 'ajax' | 'jsonp', encrypted: boolean): string {
  return `
    const pusher = new Pusher('${cluster.app.key}', ${optionsOf(transport)});
    self.pusher = pusher;
    pusher.connection.bind('error', (error) => hear('error', error));
    const follow = (name) => pusher.subscribe(name)
      .bind('pusher:subscription_succeeded', () => hear('joined', name))
      .bind('pusher:subscription_error', (error) => hear('refused', name, error))
      .bind('hello', (data) => hear('hello', name, data));
    follow('${name}');
    follow('private-${name}');
    ${encrypted ? `follow('private-encrypted-${name}');` : ''}
    const room = follow('presence-${name}');
    room.bind('pusher:subscription_succeeded', ({ me, count }) => hear('me', me, count));
    room.bind('pusher:member_added', ({ id }) => hear('added', id));
    room.bind('client-wave', (data, { user_id }) => hear('wave', data, user_id));
    pusher.user.bind('greeting', (data) => hear('greeting', data));
    pusher.user.watchlist.bind('online', (data) => hear('online', data));
    pusher.bind('pusher:signin_success', () => hear('signed in'));
    pusher.signin();`;
}

function workerOf(build: string): string {
  const [name, encrypted] = [nameOf(build), build.includes('encryption')];
  return `self.window = self; importScripts('/${build}');
    const hear = (...what) => postMessage(what);
    ${program(name, 'ajax', encrypted)}
    onmessage = ({ data }) => pusher.channel('presence-${name}').trigger('client-wave', data);`;
}

/** A channel of each build's own. */
function nameOf(build: string): string {
  return build.replace('/', '-');
}

async function openPage(build: string): Promise<BrowserPage> {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const inWorker = build.startsWith('worker/');
  await page.goto(`${backend.url}/page${inWorker ? '' : `?script=${build}`}`);
  await page.evaluate('window.heard = []; window.hear = (...what) => heard.push(what)');
  if (inWorker)
    await page.evaluate(
      `window.worker = new Worker('/worker?script=${build}');
       worker.addEventListener('message', ({ data }) => hear(...data));
       worker.addEventListener('error', ({ message }) => hear('error', message));`,
    );
  return page;
}

/** Waits until the page has heard this; fails with all that it did hear. */
async function heard(page: BrowserPage, ...what: readonly unknown[]): Promise<void> {
  const expected = JSON.stringify(what);
  try {
    await page.waitForFunction(
      `heard.some((what) => JSON.stringify(what) === ${JSON.stringify(expected)})`,
    );
  } catch (cause) {
    const instead = JSON.stringify(await page.evaluate('heard'));
    throw new Error(`the page did not hear ${expected} but ${instead}`, { cause });
  }
}

/** Channels of every kind, a user and a client event, whatever the build. */
async function worksOn(page: BrowserPage, name: string, encrypted: boolean): Promise<void> {
  const channels = [name, `private-${name}`, `presence-${name}`];
  if (encrypted) channels.push(`private-encrypted-${name}`);
  for (const channel of channels) {
    await heard(page, 'joined', channel);
    await sdk.trigger(channel, 'hello', { text: 'snow ☃' });
    await heard(page, 'hello', channel, { text: 'snow ☃' });
  }
  await heard(page, 'me', { id: '7', info: { name: 'user 7' } }, 1);
  await heard(page, 'signed in');
  await sdk.sendToUser('7', 'greeting', { to: name });
  await heard(page, 'greeting', { to: name });
  const other = cluster.pusherJs(0, {
    channelAuthorization: {
      transport: 'ajax',
      endpoint: `${backend.url}/c`,
      params: { user: '8' },
    },
  });
  const room = await subscribed(other.subscribe(`presence-${name}`));
  await heard(page, 'added', '8');
  room.trigger('client-wave', { to: name });
  await heard(page, 'wave', { to: name }, '8');
  const waves = inboxOf(room, 'client-wave');
  await page.evaluate(
    page.url().includes('script=')
      ? `pusher.channel('presence-${name}').trigger('client-wave', { from: 'page' })`
      : `worker.postMessage({ from: 'page' })`,
  );
  assert.deepEqual(await waves.next(), { from: 'page' });
  other.disconnect();
}

describe('every build of pusher-js in Chromium', () => {
  for (const build of builds) {
    it(`[SK70] ${build}: channels of every kind, client events, presence, a user who signs in`, async () => {
      const page = await openPage(build);
      const [name, encrypted] = [nameOf(build), build.includes('encryption')];
      if (!build.startsWith('worker/'))
        await page.evaluate(`(() => {${program(name, 'ajax', encrypted)}})()`);
      await worksOn(page, name, encrypted);
      await page.close();
    });
  }

  it('[SK71] the transport jsonp gets its signatures by scripts', async () => {
    const page = await openPage('web/pusher.min.js');
    await page.evaluate(`(() => {${program('by-jsonp', 'jsonp', false)}})()`);
    await worksOn(page, 'by-jsonp', false);
    await page.close();
  });

  it('[SK72] a page that its browser calls offline asks the server and is answered; connect after disconnect brings all of it back', async () => {
    const page = await openPage('web/pusher.min.js');
    await page.evaluate(`(() => {${program('offline', 'ajax', false)}})()`);
    await heard(page, 'joined', 'offline');
    await page.evaluate(`
      heard.length = 0;
      pusher.connection.bind('message', ({ event }) => hear(event));
      pusher.connection.bind('state_change', ({ current }) => hear(current));
      dispatchEvent(new Event('offline'));`);
    await heard(page, 'pusher:pong');
    await page.evaluate('dispatchEvent(new Event("online")); pusher.disconnect()');
    await heard(page, 'disconnected');
    assert.deepEqual(await page.evaluate('heard.filter(([what]) => what.includes("connect"))'), [
      ['disconnected'],
    ]);
    await page.evaluate('pusher.connect()');
    for (const what of ['connecting', 'connected', 'signed in']) await heard(page, what);
    await heard(page, 'joined', 'offline');
    await sdk.trigger('offline', 'hello', {});
    await heard(page, 'hello', 'offline', {});
    await page.close();
  });
});
