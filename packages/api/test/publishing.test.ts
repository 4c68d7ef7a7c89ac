import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryAppRegistry, createMemoryNetwork, createMemoryLimits } from '@fanfare/core';
import { channelKey, parseAppId, parseChannelName } from '@fanfare/protocol';
import { createApi } from '../src/index.ts';
import {
  assertOk,
  deferred,
  emptyCache,
  harness,
  makeApp,
  NOW_SECONDS,
  send,
  trigger,
} from './harness.ts';
import { memoryState } from './memory-state.ts';

describe('what a trigger does on the bus', () => {
  it('[TR1] a subscriber of the memory bus gets it', async () => {
    const network = createMemoryNetwork();
    const heard = new Promise<string>((resolve) => {
      const edge = network.open({
        onMessage: (_channel, frame) => resolve(Buffer.from(frame).toString()),
        onUp() {},
      });
      const [app, lobby] = [parseAppId('3'), parseChannelName('lobby')];
      assert.ok(app !== undefined && lobby !== undefined);
      void edge.subscribe(channelKey(app, lobby));
    });
    const app = createApi({
      apps: createMemoryAppRegistry([makeApp()]),
      publisher: network.open({ onMessage() {}, onUp() {} }),
      cache: emptyCache,
      state: memoryState(),
      limits: createMemoryLimits(),
      events: harness().events,
      nowMs: () => NOW_SECONDS * 1000,
      newId: () => 'id',
    });
    assertOk(await send(app, { body: trigger() }));
    assert.equal(await heard, '{"event":"my-event","channel":"lobby","data":"hello"}');
  });

  it('[TR1] the answer waits until the bus has taken the event', async () => {
    const order: string[] = [];
    const taken = deferred();
    const app = createApi({
      apps: createMemoryAppRegistry([makeApp()]),
      publisher: { up: true, publish: () => taken.promise },
      cache: emptyCache,
      state: memoryState(),
      limits: createMemoryLimits(),
      events: harness().events,
      nowMs: () => NOW_SECONDS * 1000,
      newId: () => 'id',
    });
    const answered = send(app, { body: trigger() }).then((reply) => {
      order.push('answered');
      return reply;
    });
    // A whole turn of the event loop: an answer that does not wait would be here by now.
    await new Promise((resolve) => setImmediate(resolve));
    order.push('taken');
    taken.resolve();
    assertOk(await answered);
    assert.deepEqual(order, ['taken', 'answered']);
  });

  it('[TR15] every request has an id of its own', async () => {
    const { send: post, published } = harness();
    await post({ body: trigger() });
    await post({ body: trigger() });
    assert.deepEqual(
      published.map((batch) => batch[0]?.id),
      ['id-1', 'id-2'],
    );
  });

  it('[TR16] an app publishes on its own channels only', async () => {
    const keys = [{ key: 'four', secret: 'x' }];
    const { send: post, published } = harness({ apps: [makeApp(), makeApp({ id: '4', keys })] });
    await post({ body: trigger() });
    await post({
      body: trigger(),
      path: '/apps/4/events',
      params: { auth_key: 'four' },
      secret: 'x',
    });
    assert.deepEqual(
      published.map((batch) => batch[0]?.channel),
      ['3/lobby', '4/lobby'],
    );
  });
});
