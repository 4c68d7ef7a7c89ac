import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createMemoryAppRegistry,
  createMemoryLimits,
  createMemoryNetwork,
  Failure,
  type Bus,
  type EventCache,
} from '@fanfare/core';
import { createApi, type ApiApp } from '../src/index.ts';
import {
  assertOk,
  assertRefused,
  emptyCache,
  harness,
  makeApp,
  NOW_SECONDS,
  send,
  trigger,
  type Reply,
} from './harness.ts';
import { memoryState, stateWith } from './memory-state.ts';

/** An API on a bus whose clock the test moves. */
class CacheApi {
  nowMs = 0;
  readonly bus: Bus;
  readonly #app: ApiApp;

  constructor() {
    const network = createMemoryNetwork(() => this.nowMs);
    this.bus = network.open({ onMessage() {}, onUp() {} });
    this.#app = createApi({
      apps: createMemoryAppRegistry([makeApp()]),
      publisher: this.bus,
      cache: this.bus,
      state: memoryState(),
      limits: createMemoryLimits(),
      events: harness().events,
      nowMs: () => NOW_SECONDS * 1000,
      newId: () => crypto.randomUUID(),
    });
  }

  async trigger(part: Readonly<Record<string, unknown>>): Promise<void> {
    assertOk(await send(this.#app, { body: trigger(part) }));
  }

  async batch(events: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
    const batch = events.map((event) => JSON.parse(trigger(event)) as unknown);
    const path = '/apps/3/batch_events';
    assertOk(await send(this.#app, { path, body: JSON.stringify({ batch }) }));
  }

  async ask(channel: string, info = 'cache'): Promise<Reply> {
    const path = `/apps/3/channels/${channel}`;
    return send(this.#app, { method: 'GET', path, params: { info } });
  }
}

const KINDS = ['cache-a', 'private-cache-a', 'presence-cache-a', 'private-encrypted-cache-a'];

async function ask(cache: EventCache, channel: string, info = 'cache'): Promise<Reply> {
  const state = await stateWith({
    'cache-a': { sockets: 2 },
    'presence-cache-a': { sockets: 3, users: { '1': 2, '2': 1 } },
  });
  const { send: post, defects } = harness({ cache, state });
  const reply = await post({
    method: 'GET',
    path: `/apps/3/channels/${channel}`,
    params: { info },
  });
  assert.deepEqual(defects, []);
  return reply;
}

describe('Cache channels at the API', () => {
  it('[CC40] every trigger to a cache channel is kept, also one of a batch, to several channels or with a socket excepted', async () => {
    const api = new CacheApi();
    for (const channel of KINDS) {
      await api.trigger({ channel, data: 'one' });
      await api.trigger({
        channels: ['lobby', channel, 'cache-other'],
        data: 'two',
        socket_id: '1.2',
      });
      assertOk(await api.ask(channel), '{"occupied":false,"cache":{"data":"two","ttl":1800}}');
    }
    await api.batch([
      { channel: 'cache-a', data: 'three' },
      { channel: 'cache-a', data: 'four' },
      { channel: 'cache-b', data: 'five' },
    ]);
    assertOk(await api.ask('cache-a'), '{"occupied":false,"cache":{"data":"four","ttl":1800}}');
    assertOk(await api.ask('cache-b'), '{"occupied":false,"cache":{"data":"five","ttl":1800}}');
    assertOk(await api.ask('cache-other'), '{"occupied":false,"cache":{"data":"two","ttl":1800}}');
  });

  it('[CC41] info=cache tells the data as it was triggered and the whole seconds it has left, or null', async () => {
    const api = new CacheApi();
    assertOk(await api.ask('cache-a'), '{"occupied":false,"cache":null}');
    const data = '{"price":"1 €","of":"\\u0000\\"\\n"}';
    await api.trigger({ channel: 'cache-a', name: 'secret-name', data });
    api.nowMs = 1;
    const { text } = await api.ask('cache-a');
    assert.deepEqual(JSON.parse(text), { occupied: false, cache: { data, ttl: 1799 } });
    assert.doesNotMatch(text, /secret-name/);
    await api.trigger({ channel: 'cache-a', data: '' });
    api.nowMs += 1_799_001;
    assertOk(await api.ask('cache-a'), '{"occupied":false,"cache":{"data":"","ttl":0}}');
    api.nowMs += 999;
    assertOk(await api.ask('cache-a'), '{"occupied":false,"cache":null}');
  });

  it('[CC42] it goes with the counts that the channel has', async () => {
    assertOk(
      await ask(emptyCache, 'presence-cache-a', 'cache,user_count,subscription_count'),
      '{"occupied":true,"user_count":2,"subscription_count":3,"cache":null}',
    );
    assertOk(
      await ask(emptyCache, 'cache-a', 'subscription_count,cache'),
      '{"occupied":true,"subscription_count":2,"cache":null}',
    );
    assertOk(await ask(emptyCache, 'cache-nobody'), '{"occupied":false,"cache":null}');
    const api = new CacheApi();
    await api.trigger({ channel: 'cache-a' });
    assertOk(
      await api.ask('cache-a', 'subscription_count'),
      '{"occupied":false,"subscription_count":0}',
    );
    assertRefused(
      await ask(emptyCache, 'cache-a', 'cache,user_count'),
      400,
      'Cannot retrieve the user count unless the channel is a presence channel',
    );
  });

  it('[CC43] of a channel of another kind it is refused', async () => {
    for (const name of [
      'lobby',
      'private-a',
      'presence-a',
      'x-cache-a',
      'cache',
      '%23server-to-user-7',
    ])
      for (const info of ['cache', 'subscription_count,cache'])
        assertRefused(
          await ask(emptyCache, name, info),
          400,
          'Cannot retrieve the cache unless the channel is a cache channel',
        );
  });

  it('[CC44] a list and a trigger do not tell it', async () => {
    const known =
      'Invalid info attribute "cache": info should be a comma separated list of attributes out of user_count, subscription_count';
    const { send: post, published } = harness();
    const params = { info: 'cache' };
    assertRefused(await post({ method: 'GET', path: '/apps/3/channels', params }), 400, known);
    assertRefused(await post({ body: trigger({ channel: 'cache-a', info: 'cache' }) }), 400, known);
    assert.deepEqual(published, []);
  });

  it('[CC45] asking is no miss that an app is told of', async () => {
    const asked: boolean[] = [];
    const cache: EventCache = {
      async recall(_, telling) {
        asked.push(telling);
        return { event: undefined, isFirst: false };
      },
    };
    await ask(cache, 'cache-a');
    await ask(cache, 'cache-a', 'subscription_count');
    assert.deepEqual(asked, [false]);
  });

  it('[CC46] while the cache is away who asks for it is answered 503, and others are answered', async () => {
    const cache: EventCache = {
      recall: async () => Promise.reject(new Failure('unavailable', 'Redis is away')),
    };
    const reply = await ask(cache, 'cache-a');
    assertRefused(reply, 503, 'The cluster is unavailable, please repeat the request');
    assertOk(await ask(cache, 'cache-a', ''), '{"occupied":true}');
  });
});
