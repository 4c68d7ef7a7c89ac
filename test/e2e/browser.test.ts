import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { startCluster } from '../cluster.ts';
import { inboxOf, PATIENCE_MS, subscribed } from '../sdk.ts';
import { launchChromium } from '../support/chromium.ts';

const cluster = await startCluster({ edges: 2, apis: 1 });
const sdk = cluster.serverSdk(0);
const require = createRequire(import.meta.url);

/** The files as their packages ship them; the page of a test is empty but for the scripts it names. */
const files: Readonly<Record<string, string>> = {
  '/pusher.min.js': require.resolve('pusher-js/dist/web/pusher.min.js'),
  '/pusher-with-encryption.min.js':
    require.resolve('pusher-js/dist/web/pusher-with-encryption.min.js'),
  '/pusher.worker.min.js': require.resolve('pusher-js/dist/worker/pusher.worker.min.js'),
  '/echo.iife.js': require.resolve('laravel-echo/iife'),
};

const options = {
  cluster: 'fanfare',
  wsHost: '127.0.0.1',
  wsPort: cluster.edges[1]?.port,
  forceTLS: false,
  enabledTransports: ['ws', 'wss'],
  channelAuthorization: { transport: 'ajax', endpoint: '/auth' },
};

/** Runs in a real Worker and tells the page what it hears. */
const worker = `
importScripts('/pusher.worker.min.js');
const pusher = new Pusher('${cluster.app.key}', ${JSON.stringify(options)});
pusher.connection.bind('error', (error) => postMessage(['error', error]));
const channel = pusher.subscribe('from-worker');
channel.bind('pusher:subscription_succeeded', () => postMessage(['subscribed', 'from-worker']));
channel.bind('hello', (data) => postMessage(['hello', data]));
`;

const site = createServer((request, response) => {
  void answer(request).then(
    ({ type, body }) => response.setHeader('content-type', type).end(body),
    () => response.writeHead(404).end(),
  );
}).listen(0, '127.0.0.1');
await once(site, 'listening');
const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;

async function answer(
  request: IncomingMessage,
): Promise<{ readonly type: string; readonly body: string }> {
  const { pathname, searchParams } = new URL(request.url ?? '/', origin);
  const file = files[pathname];
  if (file !== undefined) return { type: 'text/javascript', body: await readFile(file, 'utf8') };
  if (pathname === '/worker.js') return { type: 'text/javascript', body: worker };
  if (pathname === '/page') {
    const scripts = searchParams.getAll('script').map((path) => `<script src="${path}"></script>`);
    return { type: 'text/html', body: `<!doctype html><title>page</title>${scripts.join('')}` };
  }
  if (pathname === '/auth' || pathname === '/broadcasting/auth') {
    let body = '';
    for await (const bytes of request) body += String(bytes);
    const form = new URLSearchParams(body);
    const signed = sdk.authorizeChannel(
      form.get('socket_id') ?? '',
      form.get('channel_name') ?? '',
    );
    return { type: 'application/json', body: JSON.stringify(signed) };
  }
  throw new Error(`there is no ${pathname}`);
}

const browser = await launchChromium();
after(async () => {
  await browser.close();
  site.closeAllConnections();
  site.close();
  await cluster[Symbol.asyncDispose]();
});

/**
 * A page with the scripts loaded and a `hear` that everything is reported to. Code for the page is
 * text: it belongs to another program, with other globals than this one.
 */
async function openPage(...scripts: readonly string[]): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${origin}/page?${scripts.map((script) => `script=/${script}`).join('&')}`);
  await page.evaluate('window.heard = []; window.hear = (...what) => heard.push(what)');
  return page;
}

/** Waits until the page has heard this; fails with all that it did hear. */
async function heard(page: Page, ...what: readonly unknown[]): Promise<void> {
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

const connect = `
  window.pusher = new Pusher('${cluster.app.key}', ${JSON.stringify(options)});
  pusher.connection.bind('error', (error) => hear('error', error));
  pusher.bind_global((event, data) => hear(event, data));
`;

describe('Chromium', () => {
  it('[EE28] runs pusher.min.js: public and private channels, client events to another edge', async () => {
    const page = await openPage('pusher.min.js');
    await page.evaluate(`${connect} pusher.subscribe('web'); pusher.subscribe('private-web');
      pusher.channel('web').bind('pusher:subscription_succeeded', () => hear('joined web'));
      pusher.channel('private-web').bind('pusher:subscription_succeeded', () => hear('joined private-web'));`);
    await heard(page, 'joined web');
    await heard(page, 'joined private-web');
    await sdk.trigger(['web', 'private-web'], 'hello', { text: 'snow ☃' });
    await heard(page, 'hello', { text: 'snow ☃' });
    const other = cluster.pusherJs(0);
    const inbox = inboxOf(await subscribed(other.subscribe('private-web')), 'client-wave');
    await page.evaluate(`pusher.channel('private-web').trigger('client-wave', { from: 'page' })`);
    assert.deepEqual(await inbox.next(), { from: 'page' });
    await page.close();
  });

  it('[EE29] runs pusher-with-encryption.min.js: events of encrypted channels arrive decrypted', async () => {
    const page = await openPage('pusher-with-encryption.min.js');
    await page.evaluate(`${connect}
      pusher.subscribe('private-encrypted-web')
        .bind('pusher:subscription_succeeded', () => hear('joined'))
        .bind('hello', (data) => hear('decrypted', data));`);
    await heard(page, 'joined');
    await sdk.trigger('private-encrypted-web', 'hello', { code: 'open sesame' });
    await heard(page, 'decrypted', { code: 'open sesame' });
    await page.close();
  });

  it('[EE30] runs the worker build in a Worker', async () => {
    const page = await openPage();
    await page.evaluate(
      `new Worker('/worker.js').addEventListener('message', ({ data }) => hear(...data));`,
    );
    await heard(page, 'subscribed', 'from-worker');
    await sdk.trigger('from-worker', 'hello', { n: 1 });
    await heard(page, 'hello', { n: 1 });
    await page.close();
  });

  it('[EE31] runs the script build of Laravel Echo', async () => {
    const page = await openPage('pusher.min.js', 'echo.iife.js');
    const { wsHost, wsPort, enabledTransports } = options;
    const echo = { wsHost, wsPort, enabledTransports, forceTLS: false, key: cluster.app.key };
    await page.evaluate(`
      window.echo = new Echo.default({ broadcaster: 'reverb', ...${JSON.stringify(echo)} });
      echo.private('orders').listen('OrderShipped', (data) => hear('OrderShipped', data))
        .subscribed(() => hear('joined')).error((error) => hear('error', error));`);
    await heard(page, 'joined');
    await sdk.trigger('private-orders', 'App\\Events\\OrderShipped', { id: 7 });
    await heard(page, 'OrderShipped', { id: 7 });
    await page.close();
  });

  it('[EE32] asks nobody but the hosts it was given, also with every transport allowed', async () => {
    const page = await openPage('pusher.min.js');
    const asked = new Set<string>();
    page.on('request', (request) => asked.add(new URL(request.url()).hostname));
    page.on('websocket', (socket) => asked.add(new URL(socket.url()).hostname));
    const { enabledTransports: _all, ...defaults } = options;
    await page.evaluate(`
      window.pusher = new Pusher('${cluster.app.key}', ${JSON.stringify(defaults)});
      pusher.subscribe('private-quiet').bind('hello', () => hear('hello'))
        .bind('pusher:subscription_succeeded', () => hear('joined'));`);
    await heard(page, 'joined');
    await sdk.trigger('private-quiet', 'hello', {});
    await heard(page, 'hello');
    await page.evaluate('pusher.disconnect()');
    assert.deepEqual([...asked], ['127.0.0.1']);
    await page.close();
  });
});
