import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import {
  appSchema,
  readApps,
  SettingsError,
  wants,
  type App,
  type WebhookEvent,
} from '@fanfare/core';
import { eventJson, headersOf, payloadOf } from '../packages/webhooks/src/payload.ts';
import { rootFile, rootPath } from './deploy-files.ts';
import { endWithUs } from './support/end-with-us.ts';

const document = rootFile('docs/webhooks.md');
const webmanDocument = rootFile('docs/webman.md');
const folder = await mkdtemp(join(tmpdir(), 'fanfare-docs-'));
after(() => rm(folder, { recursive: true }));

/** The code block behind a marker. */
function block(marker: string, from = document): string {
  const [, code] = new RegExp(`<!-- ${marker} -->\n\n\`\`\`\\w+\n([^]*?)\`\`\`\n`).exec(from) ?? [];
  assert.ok(code !== undefined, `the document has no block '${marker}'`);
  return code;
}

/** The first cell of each row of the tables that begins with a name in code, and the rest. */
function rows(heading: string): readonly (readonly string[])[] {
  const [, part = ''] = document.split(`\n${heading}\n`);
  const table = part.split(/\n\n(?![|])/).find((text) => text.includes('|---|')) ?? '';
  return [...table.matchAll(/^\| (`.*) \|$/gm)].map(([, cells = '']) =>
    cells.split(' | ').map((cell) => /`([^`]*)`/.exec(cell)?.[1] ?? ''),
  );
}

const events: readonly WebhookEvent[] = [
  { name: 'channel_occupied', channel: 'news' },
  { name: 'channel_vacated', channel: 'news' },
  { name: 'member_added', channel: 'presence-room', user_id: '7' },
  { name: 'member_removed', channel: 'presence-room', user_id: '7' },
  {
    name: 'client_event',
    channel: 'presence-room',
    event: 'client-typing',
    data: '{"x":1}',
    socket_id: '123.456',
    user_id: '7',
  },
  { name: 'cache_miss', channel: 'cache-prices' },
  { name: 'subscription_count', channel: 'news', subscription_count: 3 },
];

/** How many of the events a channel can have each webhook of the app is told. */
function told(app: App, channel: string): readonly (readonly string[])[] {
  return app.webhooks.map((hook) =>
    events
      .filter((event) => wants(hook, { ...event, channel }))
      .map((event) => (JSON.parse(eventJson(event, hook.dialect)) as { name: string }).name),
  );
}

describe('docs/webhooks.md', () => {
  it('[DP29] has a file of apps that is accepted and tells each webhook what the text says', async () => {
    const path = join(folder, 'apps.json');
    await writeFile(path, block('apps'));
    const [app] = readApps({ APPS_FILE: path }) ?? [];
    assert.ok(app !== undefined);
    const channels = ['channel_occupied', 'channel_vacated'];
    const members = ['member_added', 'member_removed'];
    const webman = ['channel_added', 'channel_removed', 'user_added', 'user_removed'];
    assert.deepEqual(told(app, 'presence-room-1'), [members, channels, []]);
    assert.deepEqual(told(app, 'news'), [[], channels, []]);
    assert.deepEqual(told(app, 'news-legacy'), [[], channels, webman]);
    assert.deepEqual(told(app, '#server-to-user-7'), [[], [], []]);
    assert.deepEqual(app.webhooks[0]?.headers, { Authorization: 'Bearer a-token' });
  });

  it('[DP30] shows every event as it stands in a body, and its name in both dialects', () => {
    assert.deepEqual(
      rows('## What comes').map(([name, , json]) => [name, json]),
      events.map((event) => [event.name, eventJson(event, 'pusher')]),
    );
    const { webhooks } = appSchema.parse({
      id: '1',
      keys: [{ key: 'k', secret: 's' }],
      webhooks: [{ url: 'http://127.0.0.1/' }],
    });
    // What a webhook hears that does not say; the last has to be asked for.
    assert.deepEqual(
      events.slice(0, -1).map(({ name }) => name),
      webhooks[0]?.events,
    );
    const names = events.map((event) => [
      event.name,
      (JSON.parse(eventJson(event, 'webman')) as { name: string }).name,
    ]);
    assert.deepEqual(
      rows('## The dialect `webman`').map(([pusher, webman]) => [pusher, webman]),
      names,
    );
  });

  it('[DP31] has a receiver for Node that takes each event once and refuses a changed body', async () => {
    const app = appSchema.parse({ id: '1001', keys: [{ key: 'app-key', secret: 'app-secret' }] });
    const child = spawn(process.execPath, ['--input-type=module', '--eval', block('receiver')], {
      cwd: rootPath(''),
      env: { APP_ID: '1001', APP_KEY: 'app-key', APP_SECRET: 'app-secret', PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    endWithUs(child);
    const exited = once(child, 'exit');
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const next = async (): Promise<string> => String((await lines.next()).value);
      const [, port = ''] = /^listening on (\d+)$/.exec(await next()) ?? [];
      const entries = events.map((event, at) => ({ id: `17-1000-${at}`, timeMs: 1_000, event }));
      const send = async (count: number, end = ''): Promise<number> => {
        const payload = payloadOf('hook', entries.slice(0, count), 'pusher');
        const response = await fetch(`http://127.0.0.1:${port}/`, {
          method: 'POST',
          headers: headersOf(payload, app, {}, 1),
          body: payload.body + end,
          signal: AbortSignal.timeout(10_000),
        });
        return response.status;
      };
      assert.deepEqual([await send(3, ' '), await send(3), await send(5)], [401, 200, 200]);
      const done = [await next(), await next(), await next(), await next(), await next()];
      assert.deepEqual(
        done.map((line) => line.trim()),
        [
          'channel_occupied news',
          'channel_vacated news',
          'member_added presence-room 7',
          'member_removed presence-room 7',
          'client_event presence-room 7',
        ],
      );
    } finally {
      child.kill();
      await exited;
    }
  });
});

describe('docs/webman.md', () => {
  it('[WM46] has a file of apps that is accepted with a key of the plugin, and not before', async () => {
    const path = join(folder, 'webman.json');
    const text = block('apps', webmanDocument);
    await writeFile(path, text);
    assert.throws(() => readApps({ APPS_FILE: path }), SettingsError);
    await writeFile(path, text.replace('the app_key', 'f'.repeat(32)));
    const [app] = readApps({ APPS_FILE: path }) ?? [];
    assert.ok(app !== undefined);
    assert.deepEqual([app.id, app.dialect, app.broadcastEmptyChannel], ['1024', 'webman', true]);
    const named = ['channel_added', 'channel_removed', 'user_added', 'user_removed'];
    assert.deepEqual(told(app, 'presence-频道/1'), [named]);
  });

  it('[WM46] names the limits as they are', () => {
    const { limits } = appSchema.parse({ id: '1', keys: [{ key: 'k', secret: 's' }] });
    const shown = [...webmanDocument.matchAll(/`limits\.(\w+)` \((\d+)( KiB)?\)/g)];
    assert.equal(shown.length, 3);
    for (const [, name = '', figure, unit] of shown)
      assert.equal(
        Reflect.get(limits, name),
        Number(figure) * (unit === undefined ? 1 : 1024),
        name,
      );
  });
});
