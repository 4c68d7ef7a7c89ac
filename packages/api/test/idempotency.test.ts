import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryAppRegistry, createMemoryNetwork, createMemoryLimits } from '@fanfare/core';
import { channelKey, parseAppId, parseChannelName } from '@fanfare/protocol';
import { createApi } from '../src/index.ts';
import {
  assertOk,
  assertRefused,
  deferred,
  harness,
  makeApp,
  NOW_SECONDS,
  send,
  trigger,
  type Reply,
} from './harness.ts';
import { memoryState } from './memory-state.ts';

const withKey = (key: string): RequestInit => ({ headers: { 'Idempotency-Key': key } });

describe('Idempotency-Key', () => {
  it('[TR13] the same key gives the same id, and asks the bus to publish once', async () => {
    const { send: post, published } = harness();
    await post({ body: trigger() }, withKey('order-7'));
    await post({ body: trigger({ data: 'again' }) }, withKey('order-7'));
    await post({ body: trigger() }, withKey('order-8'));
    const [first, again, other] = published.map((batch) => batch[0]);
    assert.equal(first?.once, true);
    assert.match(first?.id ?? '', /^[A-Za-z0-9_-]{40}$/);
    assert.equal(again?.id, first?.id);
    assert.notEqual(other?.id, first?.id);
  });

  it('[TR13] the same key of another app is another id', async () => {
    const keys = [{ key: 'four', secret: 'x' }];
    const { send: post, published } = harness({ apps: [makeApp(), makeApp({ id: '4', keys })] });
    await post({ body: trigger() }, withKey('k'));
    const path = '/apps/4/events';
    await post({ path, body: trigger(), params: { auth_key: 'four' }, secret: 'x' }, withKey('k'));
    const [mine, other] = published.map((batch) => batch[0]?.id);
    assert.ok(mine !== undefined && other !== undefined && mine !== other);
  });

  it('[TR13] the events of a batch are told apart by their place', async () => {
    const { send: post, published } = harness();
    const event = { name: 'n', data: 'd', channel: 'c' };
    const path = '/apps/3/batch_events';
    await post({ path, body: JSON.stringify({ batch: [event, event] }) }, withKey('k'));
    await post({ body: trigger() }, withKey('k'));
    const [batch, single] = published;
    const base = single?.[0]?.id ?? '';
    assert.deepEqual(
      batch?.map(({ id, once }) => [id, once]),
      [
        [`${base}.0`, true],
        [`${base}.1`, true],
      ],
    );
  });

  it('[TR13] a repeated request is answered like the first and delivered once', async () => {
    const network = createMemoryNetwork();
    const heard: string[] = [];
    const marker = deferred();
    const edge = network.open({
      onMessage(_channel, frame) {
        const { data } = JSON.parse(Buffer.from(frame).toString()) as { readonly data: string };
        heard.push(data);
        if (data === 'marker') marker.resolve();
      },
      onUp() {},
    });
    const [appId, lobby] = [parseAppId('3'), parseChannelName('lobby')];
    assert.ok(appId !== undefined && lobby !== undefined);
    await edge.subscribe(channelKey(appId, lobby));
    const app = createApi({
      apps: createMemoryAppRegistry([makeApp()]),
      publisher: edge,
      cache: edge,
      state: memoryState(),
      limits: createMemoryLimits(),
      events: harness().events,
      nowMs: () => NOW_SECONDS * 1000,
      newId: () => crypto.randomUUID(),
    });
    const post = (data: string, key?: string): Promise<Reply> =>
      send(app, { body: trigger({ data }) }, key === undefined ? {} : withKey(key));
    assertOk(await post('paid', 'order-7'));
    assertOk(await post('paid', 'order-7'));
    assertOk(await post('marker'));
    await marker.promise;
    assert.deepEqual(heard, ['paid', 'marker']);
  });

  it('[TR13] a key has 1 to 255 visible ASCII characters', async () => {
    const { send: post, published } = harness();
    for (const key of ['!', '~'.repeat(255)])
      assertOk(await post({ body: trigger() }, withKey(key)));
    assert.equal(published.length, 2);
    for (const key of ['', 'a b', '~'.repeat(256), 'ä', 'a, a'])
      assertRefused(
        await post({ body: trigger() }, withKey(key)),
        400,
        'Invalid Idempotency-Key header: expected 1 to 255 visible ASCII characters',
      );
    assert.equal(published.length, 2);
  });
});
