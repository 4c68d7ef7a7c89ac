import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  commonSettings,
  readApps,
  readSettings,
  SettingsError,
  showSettings,
  type Webhook,
} from '@fanfare/core';
import { app } from './given.ts';

const folder = await mkdtemp(join(tmpdir(), 'fanfare-webhooks-'));
after(() => rm(folder, { recursive: true }));
const file = join(folder, 'apps.json');
const url = 'https://example.test/hook';

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  throw new assert.AssertionError({ message: 'expected a SettingsError, nothing was thrown' });
}

/** What is said of an apps file with these webhooks, without what stands in front of each line. */
async function problemsIn(...webhooks: readonly unknown[]): Promise<readonly string[]> {
  const apps = [{ id: '1', keys: [{ key: 'k', secret: 's' }], webhooks }];
  await writeFile(file, JSON.stringify({ apps }));
  const problems = problemsOf(() => readApps({ APPS_FILE: file }));
  return problems.map((text) => text.replace(`APPS_FILE: ${file}: apps[0].webhooks`, ''));
}

function hook(settings: object, more: object = {}): Webhook {
  const [only] = app([settings], more).webhooks;
  assert.ok(only);
  return only;
}

describe('Webhooks of an app', () => {
  it('[WH22] a hook with an address only has the defaults', () => {
    const { id, ...rest } = hook({ url });
    assert.match(id, /^[0-9a-f]{12}$/);
    assert.deepEqual(rest, {
      url,
      events: [
        'channel_occupied',
        'channel_vacated',
        'member_added',
        'member_removed',
        'client_event',
        'cache_miss',
      ],
      channels: { prefix: '', suffix: '' },
      headers: {},
      dialect: 'pusher',
    });
    assert.deepEqual(app([]).webhooks, []);
  });

  it('[WH22] a hook has the dialect of its app unless it says another', () => {
    assert.equal(hook({ url }, { dialect: 'webman' }).dialect, 'webman');
    assert.equal(hook({ url, dialect: 'pusher' }, { dialect: 'webman' }).dialect, 'pusher');
  });

  for (const wrong of [
    '',
    'example.test/hook',
    'ftp://example.test',
    'https://',
    'http:/x',
    7,
    null,
  ])
    it(`[WH22] ${JSON.stringify(wrong)} is no address`, async () => {
      const [problem] = await problemsIn({ url: wrong });
      assert.equal(
        problem,
        '[0].url: expected http:// or https:// and a host, got a value that is not shown',
      );
    });

  it('[WH22] an unknown event or name is refused with those that are known', async () => {
    assert.deepEqual(
      (
        await problemsIn({ url, events: ['channel_added'], filter: {}, channels: { start: 'a' } })
      ).toSorted(),
      [
        '[0].channels: the name "start" is unknown, expected prefix or suffix',
        '[0].events[0]: expected channel_occupied, channel_vacated, member_added, member_removed, client_event, cache_miss or subscription_count, got "channel_added"',
        '[0]: the name "filter" is unknown, expected url, events, channels, headers or dialect',
      ],
    );
    assert.deepEqual(await problemsIn({ url, events: [] }), [
      '[0].events: expected at least one event, got an empty list',
    ]);
    assert.deepEqual(await problemsIn({ url, dialect: 'soketi' }), [
      '[0].dialect: expected pusher or webman, got "soketi"',
    ]);
  });

  const headers: readonly (readonly [name: string, value: unknown, problem: string])[] = [
    ['X-Pusher-Key', 'a', 'expected a header other than those that Fanfare sets itself'],
    ['content-type', 'a', 'expected a header other than those that Fanfare sets itself'],
    ['Idempotency-Key', 'a', 'expected a header other than those that Fanfare sets itself'],
    ['Host', 'a', 'expected a header other than those of the connection itself'],
    ['a b', 'a', 'expected a header name of letters, digits and -'],
    ['', 'a', 'expected a header name of letters, digits and -'],
    ['X-A', 'a\nX-B: b', 'expected a header value without control characters'],
    ['X-A', '☃', 'expected a header value without control characters'],
    ['X-A', 7, 'expected text in quotes'],
  ];
  for (const [name, value, problem] of headers)
    it(`[WH22] the header ${JSON.stringify({ [name]: value })} is refused, and its value not shown`, async () =>
      assert.deepEqual(await problemsIn({ url, headers: { [name]: value } }), [
        `[0].headers.${name}: ${problem}, got a value that is not shown`,
      ]));

  it('[WH22] two hooks that would share a lane are refused', async () => {
    const [problem, more] = await problemsIn(
      { url },
      { url, events: ['client_event'] },
      { url, headers: { a: 'b' } },
    );
    assert.match(problem ?? '', /^\[2\]: expected another url, events, channels or dialect/);
    assert.equal(more, undefined);
  });

  it('[WH23] the id is that of the address, events, channels and dialect, and of nothing else', () => {
    const all: readonly object[] = [
      { url },
      { url: `${url}/` },
      { url, events: ['channel_occupied'] },
      { url, channels: { prefix: 'a' } },
      { url, channels: { suffix: 'a' } },
      { url, dialect: 'webman' },
    ];
    assert.equal(new Set(all.map((each) => hook(each).id)).size, all.length);
    assert.equal(hook({ url }).id, hook({ url, headers: { a: 'b' } }, { enabled: false }).id);
    assert.equal(hook({ url }).id, hook({ url, channels: {}, dialect: 'pusher' }).id);
    assert.equal(
      hook({ url, events: ['member_added', 'client_event'] }).id,
      hook({ url, events: ['client_event', 'member_added'] }).id,
    );
    // Fixed for ever: another would leave behind what waits in lanes of the one.
    assert.equal(hook({ url }).id, 'c3541ad0b41d');
  });
});

describe('The webhook of the one app', () => {
  const one = { APP_ID: '1', APP_KEY: 'k', APP_SECRET: 's' };
  const read = (more: object): readonly Webhook[] | undefined =>
    readApps(readSettings(commonSettings, { ...one, ...more }))?.[0]?.webhooks;

  it('[WH22] comes from WEBHOOK_URL and WEBHOOK_DIALECT', () => {
    assert.deepEqual(read({}), []);
    assert.deepEqual(read({ WEBHOOK_URL: url }), [hook({ url })]);
    assert.deepEqual(read({ WEBHOOK_URL: url, WEBHOOK_DIALECT: 'webman' }), [
      hook({ url, dialect: 'webman' }),
    ]);
  });

  it('[WH22] is checked, and its address is shown to nobody', () => {
    assert.deepEqual(
      problemsOf(() =>
        readSettings(commonSettings, { WEBHOOK_URL: 'example.test', WEBHOOK_DIALECT: 'soketi' }),
      ),
      [
        'WEBHOOK_URL: expected http:// or https:// and a host, got a value that is not shown',
        'WEBHOOK_DIALECT: expected pusher or webman, got "soketi"',
      ],
    );
    const shown = showSettings(commonSettings, { WEBHOOK_URL: 'https://u:p@h.test/x?token=t' });
    assert.ok(shown.includes('WEBHOOK_URL=https://***@h.test/x?***'), shown.join('\n'));
  });

  it('[WH22] has no place beside an apps file', () => {
    assert.deepEqual(
      problemsOf(() => readApps({ APPS_FILE: file, WEBHOOK_URL: url })),
      ['WEBHOOK_URL: set it under `webhooks` of an app in APPS_FILE, as that file is set'],
    );
  });
});
