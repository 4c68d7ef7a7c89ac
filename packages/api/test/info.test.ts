import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Failure, type StateReader } from '@fanfare/core';
import { assertOk, assertRefused, harness, trigger, type Harness, type Reply } from './harness.ts';
import { memoryState, stateWith, unreadable } from './memory-state.ts';
import { unknownAttribute } from './query-client.ts';

const OCCUPIED = {
  'presence-foobar': { sockets: 51, users: { '1': 1, '2': 49, '3': 1 } },
  another: { sockets: 13 },
};
const CHANNELS = Object.keys(OCCUPIED);

interface Asked {
  readonly reply: Reply;
  readonly published: Harness['published'];
}

async function ask(fields: Readonly<Record<string, unknown>>, state?: StateReader): Promise<Asked> {
  const { send, published } = harness({ state: state ?? (await stateWith(OCCUPIED)) });
  return { reply: await send({ body: trigger({ channels: CHANNELS, ...fields }) }), published };
}

async function askBatch(batch: readonly object[], state?: StateReader): Promise<Asked> {
  const { send, published } = harness({ state: state ?? (await stateWith(OCCUPIED)) });
  const body = JSON.stringify({ batch: batch.map((part) => ({ name: 'n', data: 'd', ...part })) });
  return { reply: await send({ path: '/apps/3/batch_events', body }), published };
}

async function wrong(info: unknown, text: string): Promise<void> {
  const { reply, published } = await ask({ info });
  assertRefused(reply, 400, text);
  assert.deepEqual(published, []);
}

function attribute(name: string): string {
  return unknownAttribute(name, 'user_count, subscription_count');
}

describe('info of a trigger', () => {
  it('[TR8] the answer counts each channel, without what does not apply to it', async () => {
    const { reply, published } = await ask({ info: 'user_count,subscription_count' });
    assertOk(
      reply,
      '{"channels":{"presence-foobar":{"user_count":3,"subscription_count":51},"another":{"subscription_count":13}}}',
    );
    assert.equal(published.length, 1);
    assertOk(
      (await ask({ info: ' user_count ' })).reply,
      '{"channels":{"presence-foobar":{"user_count":3},"another":{}}}',
    );
    assertOk(
      (await ask({ info: 'subscription_count' })).reply,
      '{"channels":{"presence-foobar":{"subscription_count":51},"another":{"subscription_count":13}}}',
    );
  });

  it('[TR8] a channel without anybody counts zero, and each channel is answered once', async () => {
    const info = 'subscription_count,user_count';
    const channels = ['presence-x', 'another', 'presence-x', '__proto__', '7', 'another'];
    const { reply } = await ask({ info, channels });
    assertOk(
      reply,
      '{"channels":{"7":{"subscription_count":0},"presence-x":{"user_count":0,"subscription_count":0},"another":{"subscription_count":13},"__proto__":{"subscription_count":0}}}',
    );
    assertOk(
      (await ask({ info, channels: undefined, channel: 'another' })).reply,
      '{"channels":{"another":{"subscription_count":13}}}',
    );
  });

  it('[TR8] it may be asked in the query', async () => {
    const { send } = harness({ state: await stateWith(OCCUPIED) });
    assertOk(
      await send({
        params: { name: 'n', data: '', channel: 'another', info: 'subscription_count' },
      }),
      '{"channels":{"another":{"subscription_count":13}}}',
    );
  });

  it('[TR8] an empty info asks nothing', async () => {
    const state = unreadable(new Error('nothing was to be read'));
    for (const info of ['', null, undefined]) assertOk((await ask({ info }, state)).reply);
  });

  it('[TR8] what no channel of the trigger has is not read', async () => {
    const state = unreadable(new Error('nothing was to be read'));
    const { reply } = await ask({ info: 'user_count', channels: ['a', 'private-b'] }, state);
    assertOk(reply, '{"channels":{"a":{},"private-b":{}}}');
  });

  it('[TR8] an unknown attribute is refused, and a list that is no text', async () => {
    await wrong('cache', attribute('cache'));
    await wrong('user_count,', attribute(''));
    await wrong('user_count subscription_count', attribute('user_count subscription_count'));
    await wrong('USER_COUNT', attribute('USER_COUNT'));
    await wrong('__proto__', attribute('__proto__'));
    await wrong(['user_count'], 'Expected info parameter to be a string');
  });

  it('[TR8] the counts are those of the moment before the event', async () => {
    const order: string[] = [];
    const state = memoryState();
    const { send, published } = harness({
      state: {
        ...state,
        counts(channels) {
          order.push(`counted before ${published.length} published`);
          return state.counts(channels);
        },
      },
    });
    await send({ body: trigger({ info: 'subscription_count' }) });
    assert.deepEqual(order, ['counted before 0 published']);
    assert.equal(published.length, 1);
  });

  it('[TR18] counts that cannot be read refuse the trigger, and nothing is published', async () => {
    const state = unreadable(new Failure('unavailable', 'away'));
    const event = { channel: 'c', info: 'subscription_count' };
    for (const { reply, published } of [
      await ask({ info: 'user_count' }, state),
      await askBatch([{ channel: 'a' }, event], state),
    ]) {
      assertRefused(reply, 503, 'The cluster is unavailable, please repeat the request');
      assert.equal(reply.headers.get('retry-after'), '1');
      assert.deepEqual(published, []);
    }
  });

  it('[TR18] a trigger that asks for no counts does not need them', async () => {
    const state = unreadable(new Failure('unavailable', 'away'));
    const { reply, published } = await ask({}, state);
    assertOk(reply);
    assert.equal(published.length, 1);
    assertOk((await askBatch([{ channel: 'a' }], state)).reply);
  });

  it('[TR12] a batch answers one object for each event, in an array', async () => {
    const batch = [
      { channel: 'presence-foobar', info: 'user_count' },
      { channel: 'presence-foobar' },
      { channel: 'another', info: 'subscription_count,user_count' },
      { channel: 'another', info: 'user_count' },
      { channel: 'presence-foobar', info: 'subscription_count' },
      { channel: 'empty', info: 'subscription_count' },
    ];
    const { reply, published } = await askBatch(batch);
    assertOk(
      reply,
      '{"batch":[{"user_count":3},{},{"subscription_count":13},{},{"subscription_count":51},{"subscription_count":0}]}',
    );
    assert.equal(published.length, 1);
    assertOk((await askBatch([{ channel: 'a' }, { channel: 'a', info: '' }])).reply);
  });

  it('[TR12] of a batch only channels are read of which something is asked, each once', async () => {
    const read: (readonly string[])[] = [];
    const state = memoryState();
    const info = 'subscription_count';
    await askBatch([{ channel: 'a', info }, { channel: 'b' }, { channel: 'a', info }], {
      ...state,
      counts(channels) {
        read.push(channels);
        return state.counts(channels);
      },
    });
    assert.deepEqual(read, [['3/a']]);
  });
});
