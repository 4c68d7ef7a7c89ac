import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import PusherServer from 'pusher';
import type { BrowserContext, Page } from 'playwright-core';
import { startFanfare, type Fanfare } from '../fanfare.ts';
import { launchChromium } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { PATIENCE_MS } from '../sdk.ts';

/** Rows that the page keeps at most. */
const MAX_ROWS = 500;

const directory = await mkdtemp(join(tmpdir(), 'fanfare-playground-'));
const server = await start({ EDGE_PORT: '0', API_PORT: '0', OPS_PORT: '0' });
const browser = await launchChromium();
after(async () => {
  await browser.close();
  await server.fanfare[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

interface Server {
  readonly fanfare: Fanfare;
  readonly url: string;
  readonly appId: string;
  readonly secret: string;
  readonly key: string;
  readonly edgePort: string;
}

async function start(env: Readonly<Record<string, string>>): Promise<Server> {
  const fanfare = startFanfare(['start'], { cwd: directory, env });
  const [, appId = '', key = '', secret = ''] = await fanfare.says(
    / app id +(\d+)\n +key +(\S+)\n +secret +(\S+)\n/,
  );
  const [, edgePort = ''] = await fanfare.says(/ edge +ws:\/\/[^/]+:(\d+)/);
  const [, url = ''] = await fanfare.says(/ try it +(\S+)\n/);
  return { fanfare, url, appId, key, secret, edgePort };
}

/** One visitor: what happens to the page beside what it shows is kept for the end. */
interface Visit extends AsyncDisposable {
  readonly context: BrowserContext;
  readonly said: readonly string[];
  readonly asked: readonly string[];
  tab(url?: string): Promise<Page>;
}

async function visit(): Promise<Visit> {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE_MS);
  const said: string[] = [];
  const asked: string[] = [];
  context.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  context.on('weberror', (error) => said.push(error.error().message));
  context.on('request', (request) => asked.push(request.url()));
  return {
    context,
    said,
    asked,
    async tab(url = server.url) {
      const page = await context.newPage();
      page.on('websocket', (socket) => asked.push(socket.url()));
      await page.goto(url);
      return page;
    },
    [Symbol.asyncDispose]: async () => context.close(),
  };
}

/** The chip of a channel once it is subscribed. */
async function subscribed(page: Page, channel: string): Promise<void> {
  await page.locator('#chips [data-state=good]', { hasText: channel }).waitFor();
}

async function subscribe(page: Page, channel: string): Promise<void> {
  await page.getByLabel('Channel to subscribe to').fill(channel);
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
}

async function send(page: Page, fields: Readonly<Record<string, string>> = {}): Promise<void> {
  const form = page.getByRole('tabpanel', { name: 'Trigger' });
  for (const [label, text] of Object.entries(fields)) await form.getByLabel(label).fill(text);
  await form.getByRole('button', { name: 'Send' }).click();
}

/** The row of the log for an event, once it is there. */
async function row(page: Page, kind: string, event: string): Promise<string> {
  const found = page.locator(`#log-rows [data-kind=${kind}]`, { hasText: event }).first();
  await found.waitFor();
  return (await found.innerText()).replaceAll(/\s+/g, ' ');
}

describe('Playground in Chromium', () => {
  it('[PG11] connects, subscribes and shows what one press on Send sends', async () => {
    await using visitor = await visit();
    const page = await visitor.tab();
    await subscribed(page, 'my-channel');
    assert.match(await page.getByRole('banner').innerText(), /Connected\s+\d+\.\d+/);
    await send(page);
    const shown = await row(page, 'event', 'my-event');
    assert.match(shown, /my-event my-channel from this tab · \d+ ms/);
    assert.match(shown, /\{ "hello": "world" \}/);
    await page.getByText('Sent.', { exact: true }).waitFor();

    await page.getByLabel('Exclude this tab').check();
    await send(page, { Event: 'for-others' });
    assert.match(await row(page, 'sent', 'for-others'), /not to this tab/);
    await page.getByLabel('Exclude this tab').uncheck();
    await send(page, { Event: 'marker' });
    await row(page, 'event', 'marker');
    assert.equal(await page.locator('[data-kind=event]', { hasText: 'for-others' }).count(), 0);
  });

  it('[PG5] lets no page of another port send', async () => {
    await using visitor = await visit();
    const page = await visitor.tab();
    await subscribed(page, 'my-channel');
    // The edge answers a browser, too: a page on this machine, of the same site but not ours.
    const foreign = await visitor.tab(`http://127.0.0.1:${server.edgePort}/`);
    const body = JSON.stringify({ channel: 'my-channel', event: 'forged', data: '{}' });
    const failed = foreign.waitForEvent('requestfailed');
    const init = JSON.stringify({ method: 'POST', mode: 'no-cors', body });
    const url = `${server.url}playground/trigger`;
    await foreign.evaluate(`void fetch('${url}', ${init}).catch(() => {})`);
    // Answered, and the answer kept from the page.
    assert.match((await failed).failure()?.errorText ?? '', /BLOCKED_BY_RESPONSE/);
    await send(page, { Event: 'marker' });
    await row(page, 'event', 'marker');
    assert.equal(await page.getByText('forged').count(), 0);
  });

  it('[PG12] carries a client event from one tab to another', async () => {
    await using visitor = await visit();
    const [one, other] = [await visitor.tab(), await visitor.tab()];
    await subscribe(other, 'private-my-channel');
    await subscribed(other, 'private-my-channel');
    await one.getByRole('tab', { name: 'Client event' }).click();
    await one.getByRole('button', { name: 'Subscribe to private-my-channel' }).click();
    const form = one.getByRole('tabpanel', { name: 'Client event' });
    await form.getByLabel('Event').fill('waves');
    await form.getByLabel('Data').fill('{"hand":"left"}');
    await form.getByRole('button', { name: 'Send' }).click();
    assert.match(
      await row(other, 'event', 'client-waves'),
      /^client-waves private-my-channel .*"hand": "left"/,
    );
    assert.match(await row(one, 'sent', 'client-waves'), /private-my-channel sent /);
    assert.deepEqual(visitor.said, []);
  });

  it('[PG13] asks nobody else for anything and leaves the console empty', async () => {
    await using visitor = await visit();
    const page = await visitor.tab();
    await subscribed(page, 'my-channel');
    await subscribe(page, 'private-room');
    await subscribed(page, 'private-room');
    await send(page, { Channel: 'private-room' });
    await row(page, 'event', 'my-event');
    await page.getByRole('button', { name: 'Unsubscribe from private-room' }).click();
    await row(page, 'system', 'Unsubscribed');
    assert.deepEqual(visitor.said, []);
    const hosts = new Set(visitor.asked.map((url) => new URL(url).host));
    assert.deepEqual(
      hosts,
      new Set([new URL(server.url).host, `127.0.0.1:${server.edgePort}`]),
      visitor.asked.join('\n'),
    );
  });

  it('[PG14] shows what others send as text', async () => {
    await using visitor = await visit();
    const page = await visitor.tab();
    await subscribed(page, 'my-channel');
    const markup = '<img src=x onerror="document.title=1"><b>bold</b>';
    await send(page, { Event: markup, Data: JSON.stringify({ [markup]: markup }) });
    assert.ok((await row(page, 'event', 'onerror')).includes(`"${markup.replaceAll('"', '\\"')}"`));
    await send(page, { Event: 'as-text', Data: markup });
    assert.ok((await row(page, 'event', 'as-text')).includes(markup));
    assert.equal(await page.locator('#log-rows img, #log-rows b').count(), 0);
    assert.equal(await page.title(), 'Fanfare playground');
    assert.deepEqual(visitor.said, []);
  });

  it('[PG15] keeps the newest rows and hides what the filter does not match', async () => {
    await using visitor = await visit();
    const page = await visitor.tab();
    await subscribed(page, 'my-channel');
    const backend = new PusherServer({
      appId: server.appId,
      key: server.key,
      secret: server.secret,
      host: new URL(server.url).hostname,
      port: new URL(server.url).port,
      useTLS: false,
    });
    for (let number = 0; number <= MAX_ROWS; number += 10)
      await backend.triggerBatch(
        Array.from({ length: Math.min(10, MAX_ROWS + 1 - number) }, (_, place) => ({
          channel: 'my-channel',
          name: `number-${number + place}`,
          data: {},
        })),
      );
    await row(page, 'event', `number-${MAX_ROWS}`);
    const rows = page.locator('#log-rows > li');
    assert.equal(await rows.count(), MAX_ROWS);
    assert.match(await rows.first().innerText(), new RegExp(`^number-${MAX_ROWS}\\b`));
    assert.match(await rows.last().innerText(), /^number-1\b/);
    await page.getByLabel('Filter the log').fill('NUMBER-47');
    assert.equal(await rows.filter({ visible: true }).count(), 11);
    assert.equal(await page.locator('#log-count').innerText(), `11 of ${MAX_ROWS}`);
    await page.getByRole('button', { name: 'Clear' }).click();
    assert.equal(await rows.count(), 0);
  });

  it('[PG16] says in words what was refused', async () => {
    await using visitor = await visit();
    const page = await visitor.tab();
    await subscribed(page, 'my-channel');
    await subscribe(page, 'private-encrypted-a');
    assert.match(await row(page, 'error', 'private-encrypted-a'), /does not encrypt/);
    await subscribe(page, 'no channel!');
    await page.locator('#chips [data-state=bad]', { hasText: 'no channel!' }).waitFor();
    await send(page, { Data: 'x'.repeat(10_241) });
    await page.getByText(/^Refused with 413: .*10240/).waitFor();
    await send(page, { Channel: 'elsewhere', Data: '{}' });
    await page.getByText('Sent. This tab does not listen to elsewhere.').waitFor();
  });

  it('[PG17] shows snippets with the key and the ports in use, never the secret', async () => {
    await using visitor = await visit();
    const page = await visitor.tab();
    await subscribed(page, 'my-channel');
    const form = page.getByRole('tabpanel', { name: 'Trigger' });
    await form.getByLabel('Event').fill("it's");
    await form.getByLabel('Data').fill(`{"a":"it's","b-c":[1,true]}`);
    const show = async (name: string): Promise<string> => {
      await page.getByRole('tab', { name }).click();
      return page.getByRole('tabpanel', { name }).locator('pre').innerText();
    };
    const inBrowser = await show('Browser');
    assert.ok(inBrowser.includes(`new Pusher('${server.key}'`), inBrowser);
    assert.ok(inBrowser.includes(`wsPort: ${server.edgePort},`), inBrowser);
    assert.ok(inBrowser.includes(String.raw`.bind('it\'s', (data)`), inBrowser);
    const onServer = await show('Server');
    assert.ok(onServer.includes(`port: '${new URL(server.url).port}'`), onServer);
    assert.ok(
      onServer.includes(
        String.raw`trigger('my-channel', 'it\'s', { a: 'it\'s', 'b-c': [1, true] });`,
      ),
      onServer,
    );
    const inTerminal = await show('Terminal');
    assert.ok(
      inTerminal.includes(
        String.raw`npx fanfare trigger my-channel 'it'\''s' '{"a":"it'\''s","b-c":[1,true]}'`,
      ),
      inTerminal,
    );
    assert.ok(!(await page.content()).includes(server.secret));
  });
});

describe('Playground whose server goes away', () => {
  it('[PG16] says that the connection broke, and is back with its channels', async () => {
    // A port that the system chose cannot be listened on again while a connection to it lingers.
    const ports = {
      EDGE_PORT: String(await freePort()),
      API_PORT: String(await freePort()),
      OPS_PORT: '0',
    };
    const first = await start(ports);
    await using _first = first.fanfare;
    await using visitor = await visit();
    const page = await visitor.tab(first.url);
    await subscribe(page, 'private-room');
    await subscribed(page, 'private-room');
    first.fanfare.signal('SIGINT');
    await first.fanfare.exited();
    await page
      .getByRole('alert')
      .filter({ hasText: /Connecting again|Trying on/ })
      .waitFor();
    await send(page);
    await page.getByText('The API does not answer.').waitFor();
    const second = await start(ports);
    await using _second = second.fanfare;
    await subscribed(page, 'my-channel');
    await subscribed(page, 'private-room');
    assert.equal(await page.getByRole('alert').isVisible(), false);
    await send(page, { Channel: 'private-room', Event: 'back-again' });
    await row(page, 'event', 'back-again');
  });
});
