import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Feature } from '../../packages/fanfare/src/conformance/case.ts';
import { allCases } from '../../packages/fanfare/src/conformance/cases.ts';
import { runCases, type Result } from '../../packages/fanfare/src/conformance/run.ts';
import { startModel, type Answer, type Flaws } from './model-server.ts';
import type { Frame } from './model-connection.ts';

const app = { appId: '1001', key: 'flaws-key', secret: 'flaws-secret' };
const ON: ReadonlySet<Feature> = new Set<Feature>([
  'client-events',
  'watchlist',
  'subscription-count',
]);

async function ask(
  rules: (rule: string) => boolean,
  flaws: Flaws = {},
  patienceMs = 300,
): Promise<readonly Result[]> {
  await using model = await startModel(app, flaws, { subscriptionCount: true });
  const at = { host: '127.0.0.1', port: model.port, tls: false };
  const target = {
    credentials: app,
    edges: [at] as const,
    api: at,
    wsPath: '',
    features: ON,
    patienceMs,
  };
  // Awaited here: the model goes away with this scope.
  return await runCases(
    allCases.filter(({ rule }) => rules(rule)),
    target,
    { concurrency: 8 },
  );
}

/** Changes the frames of one event, and no others. */
function on(event: string, change: (frame: Frame) => Frame | readonly Frame[]): Flaws {
  return { frame: (frame) => (frame['event'] === event ? change(frame) : frame) };
}

/** Changes `data`, which is JSON in a string. */
function data(event: string, change: (data: Record<string, unknown>) => unknown): Flaws {
  return on(event, (frame) => ({
    ...frame,
    data: JSON.stringify(change(JSON.parse(String(frame['data'])) as Record<string, unknown>)),
  }));
}

function answers(path: RegExp, change: (answer: Answer) => Answer): Flaws {
  return { answer: (answer, asked) => (path.test(asked) ? change(answer) : answer) };
}

function body(path: RegExp, change: (body: Record<string, unknown>) => unknown): Flaws {
  return answers(path, (answer) => ({
    ...answer,
    body: JSON.stringify(change(JSON.parse(answer.body) as Record<string, unknown>)),
  }));
}

const ESTABLISHED = 'pusher:connection_established';
const SUCCEEDED = 'pusher_internal:subscription_succeeded';
const ADDED = 'pusher_internal:member_added';
const REMOVED = 'pusher_internal:member_removed';

const without = (name: string) => (frame: Frame) =>
  Object.fromEntries(Object.entries(frame).filter(([member]) => member !== name));

/** A flaw, and a rule that has to be red for it. */
const flaws: readonly (readonly [rule: string, what: string, flaw: Flaws])[] = [
  ['C1.3-1', 'a socket_id that is a UUID', data(ESTABLISHED, (d) => ({ ...d, socket_id: 'a-b' }))],
  ['C1.3-2', 'an activity_timeout of 0', data(ESTABLISHED, (d) => ({ ...d, activity_timeout: 0 }))],
  [
    'C1.3-2',
    'an activity_timeout in milliseconds',
    data(ESTABLISHED, (d) => ({ ...d, activity_timeout: 120_000 })),
  ],
  ['C1.3-3', 'one socket_id for all', data(ESTABLISHED, (d) => ({ ...d, socket_id: '1.1' }))],
  ['C1.2-1', 'no error before the close', on('pusher:error', () => [])],
  ['C1.4-1', 'a pong whose data is an object', on('pusher:pong', (f) => ({ ...f, data: {} }))],
  [
    'C1.5-1',
    'an error whose data is a string',
    on('pusher:error', (f) => ({ ...f, data: JSON.stringify(f['data']) })),
  ],
  [
    'C1.5-1',
    'an error whose code is a string',
    on('pusher:error', (f) => ({ ...f, data: { ...Object(f['data']), code: '4001' } })),
  ],
  ['C2.4-1', 'a confirmation without data', on(SUCCEEDED, without('data'))],
  ['C2.4-1', 'a confirmation with an object', on(SUCCEEDED, (f) => ({ ...f, data: {} }))],
  [
    'C2.4-4',
    'a roster without hash',
    data(SUCCEEDED, ({ presence }) =>
      presence === undefined ? {} : { presence: without('hash')(Object(presence)) },
    ),
  ],
  [
    'C2.4-5',
    'a roster with the joiner alone',
    data(SUCCEEDED, ({ presence }) =>
      presence === undefined ? {} : { presence: { ...Object(presence), count: 1 } },
    ),
  ],
  [
    'C2.5-11',
    'a failed subscription that says nothing of its signature',
    on('pusher:error', (f) => ({ ...f, data: { code: null, message: 'no' } })),
  ],
  [
    'C2.7-1',
    'member_added whose data is an object',
    on(ADDED, (f) => ({ ...f, data: JSON.parse(String(f['data'])) as unknown })),
  ],
  ['C2.7-1', 'a member added twice', on(ADDED, (f) => [f, f])],
  ['C2.7-3', 'no member_removed', on(REMOVED, () => [])],
  [
    'C2.7-6',
    'numeric user ids',
    data(SUCCEEDED, ({ presence }) =>
      presence === undefined ? {} : { presence: { ...Object(presence), ids: [10] } },
    ),
  ],
  [
    'C2.8-1',
    'a count that is always 1',
    data('pusher_internal:subscription_count', () => ({ subscription_count: 1 })),
  ],
  ['C2.9-1', 'a miss without data', on('pusher:cache_miss', without('data'))],
  ['C2.9-1', 'no miss', on('pusher:cache_miss', () => [])],
  ['C2.9-2', 'a kept event without a channel', on('price', without('channel'))],
  [
    'C3-1',
    'client events with objects',
    on('client-typing', (f) => ({ ...f, data: JSON.parse(String(f['data'])) as unknown })),
  ],
  ['C3-5', 'client events without user_id', on('client-typing', without('user_id'))],
  [
    'C4.1-1',
    'signin_success with an object',
    on('pusher:signin_success', (f) => ({ ...f, data: JSON.parse(String(f['data'])) as unknown })),
  ],
  ['C4.2-1', 'no event to users', on('alert', () => [])],
  [
    'C4.3-1',
    'a watchlist that is no list',
    data('pusher_internal:watchlist_events', ({ events }) => ({
      events: Object.assign({}, events),
    })),
  ],
  ['C4.3-3', 'no 4302', on('pusher:error', () => [])],
  [
    'C5.2-1',
    '202 instead of 200',
    answers(/./, (a) => ({ ...a, status: a.status === 200 ? 202 : a.status })),
  ],
  ['C5.2-1', 'HTML instead of JSON', answers(/./, (a) => ({ ...a, type: 'text/html' }))],
  [
    'C5.2-2',
    'an error without words',
    answers(/./, (a) => (a.status === 200 ? a : { ...a, body: '' })),
  ],
  [
    'C5.2-7',
    '403 for 401',
    answers(/./, (a) => ({ ...a, status: a.status === 401 ? 403 : a.status })),
  ],
  ['C5.1-4', 'no look at the timestamp', {}],
  ['C5.3-1', 'an answer that is a list', answers(/events$/, (a) => ({ ...a, body: '[]' }))],
  [
    'C5.3-1',
    'data that is encoded twice',
    on('my-event', (f) => ({ ...f, data: JSON.stringify(f['data']) })),
  ],
  [
    'C5.3-11',
    'users that are connections',
    body(
      /\/events$/,
      (b) =>
        JSON.parse(JSON.stringify(b).replaceAll('"user_count":1', '"user_count":3')) as unknown,
    ),
  ],
  [
    'C5.4-4',
    'info of a batch as an object',
    body(/batch_events$/, (b) => ({ batch: Object.assign({}, b['batch']) })),
  ],
  [
    'C5.5-1',
    'no channels as a list',
    body(/channels$/, (b) => ({
      channels: Object.keys(Object(b['channels'])).length === 0 ? [] : b['channels'],
    })),
  ],
  [
    'C5.6-1',
    '404 for an unoccupied channel',
    answers(/channels\/[^/]+$/, (a) =>
      a.body.includes('false') ? { status: 404, body: 'no\n' } : a,
    ),
  ],
  [
    'C5.6-6',
    'a cache without its ttl',
    body(/channels\/cache-/, (b) => ({
      ...b,
      cache: b['cache'] === null ? null : without('ttl')(Object(b['cache'])),
    })),
  ],
  [
    'C5.7-1',
    'users with numeric ids',
    body(/users$/, () => ({ users: [{ id: 10 }, { id: 'b' }] })),
  ],
  [
    'C5.7-2',
    '404 for an empty presence channel',
    answers(/users$/, () => ({ status: 404, body: 'no\n' })),
  ],
  [
    'C9.1-7',
    'frames whose data is an object, to Swift',
    on('my-event', (f) => ({ ...f, data: JSON.parse(String(f['data'])) as unknown })),
  ],
  [
    'C9.1-5',
    'an extra frame on an encrypted channel, to Java',
    on('secret', (f) => [
      f,
      {
        event: 'pusher_internal:subscription_count',
        channel: f['channel'],
        data: '{"subscription_count":1}',
      },
    ]),
  ],
  ['C12-1', 'a member removed when the first tab closes', on(REMOVED, (f) => [f, f])],
];

describe('the conformance suite against servers that are wrong on purpose', () => {
  for (const [rule, what, flaw] of flaws)
    it(`[CF4] finds ${what} by ${rule}`, async () => {
      const [result] = await ask((each) => each === rule, flaw);
      assert.equal(result?.outcome, 'failed', result?.detail);
      assert.match(result.detail, /^expected (?!an answer).+, got /s);
    });

  it('[CF10] passes what an honest server keeps: presence, users, watchlists, caches and counts', async () => {
    const kept = /^C(1\.3|1\.4|2\.3|2\.4|2\.8|2\.9|4|12)\b/;
    const results = await ask((rule) => kept.test(rule), {}, 5_000);
    const failed = results.filter(({ outcome }) => outcome === 'failed');
    assert.deepEqual(failed, []);
    const skipped = results.filter(({ outcome }) => outcome === 'skipped');
    assert.deepEqual(
      skipped.map(({ rule }) => rule),
      ['C1.4-7', 'C4.5-1'],
    );
  });
});
