import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryLimits } from '@fanfare/core';
import { connectionsKey } from '@fanfare/protocol';
import { assertOk, assertRefused, harness, makeApp, trigger, type Harness } from './harness.ts';
import { memoryState } from './memory-state.ts';

const CHARS = 'characters out of A-Z a-z 0-9 _ - = @ , . ;';

function withLimits(limits: Readonly<Record<string, number>>, nowMs = (): number => 0): Harness {
  return harness({ apps: [makeApp({ limits })], limits: createMemoryLimits(nowMs) });
}

function batch(count: number, part: Readonly<Record<string, unknown>> = {}): string {
  const event = { name: 'n', data: '', channel: 'c', ...part };
  return JSON.stringify({ batch: Array.from({ length: count }, () => event) });
}

const BATCH = '/apps/3/batch_events';

describe("An app's own limits on the API", () => {
  it('[LM53] maxEventBytes, of a trigger and of each event of a batch', async () => {
    const { send, published } = withLimits({ maxEventBytes: 9 });
    // Three characters of three bytes each.
    assertOk(await send({ body: trigger({ data: '☃☃☃' }) }));
    assertOk(await send({ path: BATCH, body: batch(2, { data: '☃☃☃' }) }));
    assert.equal(published.length, 2);
    const text =
      'The data content of this event exceeds the allowed maximum (9 bytes). See https://pusher.com/docs/channels/server_api/http-api#publishing-events for more info';
    assertRefused(await send({ body: trigger({ data: '☃☃☃a' }) }), 413, text);
    assertRefused(await send({ path: BATCH, body: batch(1, { data: '☃☃☃a' }) }), 413, text);
    assert.equal(published.length, 2);
  });

  it('[LM53] maxEventBytes as large as can be set', async () => {
    const { send } = withLimits({ maxEventBytes: 262_144, maxChannelsPerTrigger: 1 });
    assertOk(await send({ body: trigger({ data: 'x'.repeat(262_144) }) }));
    const refused = await send({ body: trigger({ data: 'x'.repeat(262_145) }) });
    assertRefused(refused, 413, /^The data content of this event exceeds .* \(262144 bytes\)/);
  });

  it('[LM53] maxEventNameChars', async () => {
    const { send } = withLimits({ maxEventNameChars: 5 });
    assertOk(await send({ body: trigger({ name: '12345' }) }));
    assertOk(await send({ path: BATCH, body: batch(1, { name: '12345' }) }));
    const text = 'Invalid event name "123456": expected 1 to 5 characters';
    assertRefused(await send({ body: trigger({ name: '123456' }) }), 400, text);
    assertRefused(await send({ path: BATCH, body: batch(1, { name: '123456' }) }), 400, text);
  });

  it('[LM53] maxChannelNameChars, wherever a channel is named', async () => {
    const { send } = withLimits({ maxChannelNameChars: 10 });
    const [fits, long] = ['presence-a', 'presence-ab'];
    const text = `Invalid channel name "${long}": expected 1 to 10 ${CHARS}`;
    const ask = async (path: string): ReturnType<typeof send> => send({ method: 'GET', path });
    assertOk(await send({ body: trigger({ channel: fits }) }));
    assertOk(await send({ path: BATCH, body: batch(1, { channel: fits }) }));
    assertOk(await ask(`/apps/3/channels/${fits}`), '{"occupied":false}');
    assertOk(await ask(`/apps/3/channels/${fits}/users`), '{"users":[]}');
    assertRefused(await send({ body: trigger({ channels: [fits, long] }) }), 400, text);
    assertRefused(await send({ path: BATCH, body: batch(1, { channel: long }) }), 400, text);
    assertRefused(await ask(`/apps/3/channels/${long}`), 400, text);
    assertRefused(await ask(`/apps/3/channels/${long}/users`), 400, text);
  });

  for (const max of [1, 3, 1_000])
    it(`[LM53] maxChannelsPerTrigger of ${max}`, async () => {
      const { send, published } = withLimits({ maxChannelsPerTrigger: max });
      const names = Array.from({ length: max + 1 }, (_, at) => `c${at}`);
      assertOk(await send({ body: trigger({ channels: names.slice(1) }) }));
      assert.equal(published[0]?.length, max);
      const refused = await send({ body: trigger({ channels: names }) });
      const text = `Invalid channels parameter: expected 1 to ${max} channels, got ${max + 1}`;
      assertRefused(refused, 400, text);
    });

  for (const max of [1, 3, 1_000])
    it(`[LM53] maxEventsPerBatch of ${max}`, async () => {
      const { send, published } = withLimits({ maxEventsPerBatch: max });
      assertOk(await send({ path: BATCH, body: batch(max) }));
      assert.equal(published[0]?.length, max);
      const refused = await send({ path: BATCH, body: batch(max + 1) });
      const text = `Invalid batch parameter: expected 1 to ${max} events, got ${max + 1}`;
      assertRefused(refused, 400, text);
    });

  it('[LM54] what counts connections is in no list, and nobody can name it', async () => {
    const state = memoryState();
    await state.register(0, 'edge');
    const app = makeApp();
    const subject = { kind: 'channel', channel: connectionsKey(app.id) } as const;
    const share = { subject, count: 3, info: '', told: false, adopted: false };
    await state.report(0, 'edge', { version: 1, after: 0 }, [share]);
    const { send } = harness({ apps: [app], state });
    const name = connectionsKey(app.id).slice('3/'.length);
    for (const params of [{}, { info: 'subscription_count' }, { filter_by_prefix: name }]) {
      const reply = await send({ method: 'GET', path: '/apps/3/channels', params });
      assertOk(reply, '{"channels":{}}');
    }
    const path = `/apps/3/channels/${name}`;
    const sentPath = `/apps/3/channels/${encodeURIComponent(name)}`;
    const named = await send({ method: 'GET', path, sentPath });
    assertRefused(named, 400, /^Invalid channel name /);
    assertRefused(await send({ body: trigger({ channel: name }) }), 400, /^Invalid channel name /);
  });
});

describe('Rates', () => {
  const queries = ['/apps/3/channels', '/apps/3/channels/c', '/apps/3/channels/presence-c/users'];
  const TRIGGERS = 'Over the limit of 3 events per second of this app';
  const READS = 'Over the limit of 2 queries per second of this app';

  it('[LM50] events beyond the rate are refused with 429 and when to come again, and not published', async () => {
    let now = 0;
    const { send, published } = withLimits({ maxTriggersPerSecond: 3 }, () => now);
    // An event counts once, to however many channels it goes.
    for (let at = 0; at < 3; at += 1)
      assertOk(await send({ body: trigger({ channels: ['a', 'b', 'c', 'd'] }) }));
    const refused = await send({ body: trigger() });
    assertRefused(refused, 429, TRIGGERS);
    assert.equal(refused.headers.get('retry-after'), '1');
    assert.equal(published.length, 3);
    now += 1_000 / 3 + 1;
    assertOk(await send({ body: trigger() }));
    assertRefused(await send({ body: trigger() }), 429, TRIGGERS);
  });

  it('[LM50] each event of a batch counts, and the batch is taken whole or not at all', async () => {
    let now = 0;
    const { send, published } = withLimits({ maxTriggersPerSecond: 3 }, () => now);
    assertOk(await send({ path: BATCH, body: batch(2) }));
    assertRefused(await send({ path: BATCH, body: batch(2) }), 429, TRIGGERS);
    assertOk(await send({ body: trigger() }));
    assert.equal(published.length, 2);
    now += 1_000;
    // More than a second has: taken, and made up for.
    assertOk(await send({ path: BATCH, body: batch(9) }));
    now += 1_000;
    const refused = await send({ body: trigger() });
    assertRefused(refused, 429, TRIGGERS);
    assert.equal(refused.headers.get('retry-after'), '2');
  });

  for (const path of queries)
    it(`[LM51] questions beyond the rate are refused with 429: ${path}`, async () => {
      let now = 0;
      const { send } = withLimits({ maxReadsPerSecond: 2 }, () => now);
      const ask = async (): ReturnType<typeof send> => send({ method: 'GET', path });
      for (let at = 0; at < 2; at += 1) assert.equal((await ask()).status, 200);
      const refused = await ask();
      assertRefused(refused, 429, READS);
      assert.equal(refused.headers.get('retry-after'), '1');
      // They are counted apart from events, and HEAD is a question too.
      assertOk(
        await send({ body: trigger({ info: 'subscription_count' }) }),
        '{"channels":{"lobby":{"subscription_count":0}}}',
      );
      assert.equal((await send({ method: 'HEAD', path })).status, 429);
      now += 501;
      assert.equal((await ask()).status, 200);
    });

  it('[LM52] a trigger that is refused for another reason takes nothing, and neither does who is not known', async () => {
    const { send } = withLimits({ maxTriggersPerSecond: 1, maxReadsPerSecond: 1 });
    for (let at = 0; at < 5; at += 1) {
      assertRefused(await send({ body: trigger({ name: 1 }) }), 400, /^Expected name/);
      assertRefused(await send({ body: trigger({ data: 'x'.repeat(20_000) }) }), 413, /^The data/);
      assertRefused(await send({ path: BATCH, body: batch(11) }), 400, /^Invalid batch/);
      assertRefused(await send({ body: trigger(), secret: 'wrong' }), 401, /^Invalid signature/);
      const get = { method: 'GET', path: '/apps/3/channels' };
      assertRefused(await send({ ...get, secret: 'wrong' }), 401, /^Invalid signature/);
    }
    assertOk(await send({ body: trigger() }));
    assertOk(await send({ method: 'GET', path: '/apps/3/channels' }), '{"channels":{}}');
  });

  it('[LM50] [LM51] an app without rates is not asked for them', async () => {
    const { send } = harness({
      limits: {
        async take() {
          throw new Error('nobody has to ask');
        },
      },
    });
    assertOk(await send({ body: trigger() }));
    assertOk(await send({ path: BATCH, body: batch(2) }));
    assertOk(await send({ method: 'GET', path: '/apps/3/channels' }), '{"channels":{}}');
  });
});
