import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Failure, type ChannelCounts, type StateReader } from '@fanfare/core';
import { assertOk, assertRefused, harness, trigger, type Harness, type Reply } from './harness.ts';

const CHANNELS = ['presence-foobar', 'another'];

const state: StateReader = {
  counts: async (channels) =>
    channels.map((channel): ChannelCounts => ({ subscriptions: channel.length, users: 42 })),
  occupied: async () => [],
  users: async () => [],
};

async function ask(
  info: unknown,
  reader: StateReader | undefined,
): Promise<{ readonly reply: Reply; readonly published: Harness['published'] }> {
  const { send, published } = harness(reader === undefined ? {} : { state: reader });
  return { reply: await send({ body: trigger({ channels: CHANNELS, info }) }), published };
}

function unreadable(): Promise<never> {
  return Promise.reject(new Failure('unavailable', 'away'));
}

async function wrong(info: unknown, text: string): Promise<void> {
  const { reply, published } = await ask(info, state);
  assertRefused(reply, 400, text);
  assert.deepEqual(published, []);
}

function attribute(name: string): string {
  return `Invalid info attribute "${name}": info should be a comma separated list of attributes out of user_count, subscription_count`;
}

describe('info of a trigger', () => {
  it('[TR8] the answer counts each channel, without what does not apply to it', async () => {
    const { reply, published } = await ask('user_count,subscription_count', state);
    assertOk(
      reply,
      '{"channels":{"presence-foobar":{"user_count":42,"subscription_count":17},"another":{"subscription_count":9}}}',
    );
    assert.equal(published.length, 1);
    assertOk(
      (await ask(' user_count ', state)).reply,
      '{"channels":{"presence-foobar":{"user_count":42},"another":{}}}',
    );
  });

  it('[TR8] an empty info asks nothing', async () => {
    for (const info of ['', null, undefined]) assertOk((await ask(info, undefined)).reply);
  });

  it('[TR8] an unknown attribute is refused, and a list that is no text', async () => {
    await wrong('cache', attribute('cache'));
    await wrong('user_count,', attribute(''));
    await wrong('user_count subscription_count', attribute('user_count subscription_count'));
    await wrong(['user_count'], 'Expected info parameter to be a string');
  });

  it('[TR8] without anything that counts, 501 and nothing is published', async () => {
    const { reply, published } = await ask('user_count', undefined);
    assertRefused(reply, 501, 'The info parameter is not available in this version of Fanfare yet');
    assert.deepEqual(published, []);
  });

  it('[TR8] counts that cannot be read refuse the trigger before anything is published', async () => {
    const { reply, published } = await ask('user_count', { ...state, counts: unreadable });
    assertRefused(reply, 503, 'The cluster is unavailable, please repeat the request');
    assert.deepEqual(published, []);
  });

  it('[TR12] a batch answers one object for each event, in an array', async () => {
    const { send, published } = harness({ state });
    const path = '/apps/3/batch_events';
    const event = { name: 'n', data: 'd' };
    const batch = [
      { ...event, channel: 'presence-a', info: 'user_count' },
      { ...event, channel: 'b' },
      { ...event, channel: 'c', info: 'subscription_count,user_count' },
    ];
    assertOk(
      await send({ path, body: JSON.stringify({ batch }) }),
      '{"batch":[{"user_count":42},{},{"subscription_count":3}]}',
    );
    assertOk(await send({ path, body: JSON.stringify({ batch: batch.slice(1, 2) }) }));
    assert.equal(published.length, 2);
  });

  it('[TR12] without anything that counts, a batch that asks is refused whole', async () => {
    const { send, published } = harness();
    const event = { name: 'n', data: 'd', channel: 'c' };
    const body = JSON.stringify({ batch: [event, { ...event, info: 'subscription_count' }] });
    assertRefused(
      await send({ path: '/apps/3/batch_events', body }),
      501,
      'The info parameter is not available in this version of Fanfare yet',
    );
    assert.deepEqual(published, []);
  });
});
