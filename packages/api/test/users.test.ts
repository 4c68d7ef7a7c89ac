import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Failure, parseTermination } from '@fanfare/core';
import Pusher from 'pusher';
import { startApiServer } from '../src/index.ts';
import {
  assertOk,
  assertRefused,
  channelsOf,
  harness,
  KEY,
  makeApp,
  SECRET,
  trigger,
} from './harness.ts';
import { memoryState, stateWith } from './memory-state.ts';

const path = (user: string): string => `/apps/3/users/${user}/terminate_connections`;

describe('Users', () => {
  it('[US60] an event to a user is a trigger on the user’s channel, with the length of the id alone limited', async () => {
    const { send, published } = harness();
    const longest = `#server-to-user-${'u'.repeat(200)}`;
    for (const channel of ['#server-to-user-7', '#server-to-user-a@b.c', longest])
      assertOk(await send({ body: trigger({ channel }) }));
    assertOk(await send({ body: trigger({ channels: ['lobby', longest], channel: undefined }) }));
    assert.deepEqual(published.map(channelsOf), [
      ['3/#server-to-user-7'],
      ['3/#server-to-user-a@b.c'],
      [`3/${longest}`],
      ['3/lobby', `3/${longest}`],
    ]);
    assert.equal(
      published[0]?.[0]?.frame,
      '{"event":"my-event","channel":"#server-to-user-7","data":"hello"}',
    );
    assert.equal(published[0]?.[0]?.recorded, true);
    for (const channel of [`${longest}u`, '#server-to-user-', '#server-to-user-a b'])
      assertRefused(await send({ body: trigger({ channel }) }), 400, /^Invalid channel name/);
  });

  it('[US60] a trigger is told nothing of how many connections a user has', async () => {
    const state = await stateWith({ '#server-to-user-7': { sockets: 2 }, lobby: { sockets: 1 } });
    const { send } = harness({ state });
    const body = trigger({
      channels: ['#server-to-user-7', 'lobby'],
      channel: undefined,
      info: 'subscription_count',
    });
    assertOk(
      await send({ body }),
      '{"channels":{"#server-to-user-7":{},"lobby":{"subscription_count":1}}}',
    );
  });

  it('[US61] a termination gets a number and is published to the edges, recorded', async () => {
    const state = memoryState();
    const { send, published } = harness({ state });
    for (const body of ['{}', '', '{"x":1}', 'no json']) {
      assertOk(await send({ path: path('7'), body }));
      const [message, ...others] = published.at(-1) ?? [];
      assert.deepEqual(others, []);
      assert.ok(message !== undefined);
      const { channel, control, recorded, except, frame } = message;
      assert.deepEqual(
        { channel, control, recorded, except },
        { channel: '3/#server-to-user-7', control: true, recorded: true, except: null },
      );
      const number = parseTermination(frame);
      assert.ok(number !== undefined && number > 0);
      assert.deepEqual(await state.terminations([channel]), [number]);
    }
    const numbers = published.map(([message]) => parseTermination(message?.frame ?? '') ?? 0);
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((a, b) => a - b),
    );
  });

  it('[US61] the SDK’s own call', async () => {
    const { app, events, published } = harness({ nowMs: Date.now });
    await using server = await startApiServer({ host: '127.0.0.1', port: 0, app, events });
    const sdk = new Pusher({
      appId: '3',
      key: KEY,
      secret: SECRET,
      host: '127.0.0.1',
      port: String(server.port),
    });
    const { status } = await sdk.terminateUserConnections('7');
    assert.equal(status, 200);
    await sdk.sendToUser('7', 'hello', { a: 1 });
    assert.deepEqual(published.map(channelsOf), [['3/#server-to-user-7'], ['3/#server-to-user-7']]);
  });

  it('[US62] the id may be percent-encoded, and is refused when no user can have it', async () => {
    const { send, published } = harness();
    const sent: readonly (readonly [signed: string, sent: string, user: string])[] = [
      ['a@b.c', 'a%40b.c', 'a@b.c'],
      ['a;b', 'a%3Bb', 'a;b'],
      ['u'.repeat(200), 'u'.repeat(200), 'u'.repeat(200)],
    ];
    for (const [signed, as, user] of sent) {
      assertOk(await send({ path: path(signed), sentPath: path(as), body: '{}' }));
      assert.deepEqual(channelsOf(published.at(-1)), [`3/#server-to-user-${user}`]);
    }
    const before = published.length;
    for (const [signed, as] of [
      ['a b', 'a%20b'],
      ['a/b', 'a%2Fb'],
      ['%', '%25'],
      ['%zz', '%zz'],
      ['u'.repeat(201), 'u'.repeat(201)],
    ] as const)
      assertRefused(
        await send({ path: path(signed), sentPath: path(as), body: '{}' }),
        400,
        /^Invalid user id ".*": expected 1 to 200 characters/,
      );
    assert.equal(published.length, before);
  });

  it('[US63] a termination is for those who may, and another app’s user stays', async () => {
    const other = makeApp({ id: '4', keys: [{ key: 'other', secret: 'other-secret' }] });
    const { send, published } = harness({ apps: [makeApp(), other] });
    assertRefused(await send({ path: path('7'), body: '{}', secret: 'x' }), 401, /^Invalid sig/);
    const params = { auth_key: 'other' };
    assertRefused(
      await send({ path: path('7'), body: '{}', params, secret: 'other-secret' }),
      401,
      /another app/,
    );
    assertOk(
      await send({
        path: '/users/7/terminate_connections',
        body: '{}',
        params,
        secret: 'other-secret',
      }),
    );
    assert.deepEqual(published.map(channelsOf), [['4/#server-to-user-7']]);
  });

  it('[US64] while the store or the bus is away a termination is refused with 503', async () => {
    const away = new Failure('unavailable', 'away');
    const failing = async (): Promise<never> => Promise.reject(away);
    const withoutState = harness({ state: { ...memoryState(), terminate: failing } });
    const withoutBus = harness();
    withoutBus.failWith(away);
    for (const { send, published } of [withoutState, withoutBus]) {
      const reply = await send({ path: path('7'), body: '{}' });
      assertRefused(reply, 503, 'The cluster is unavailable, please repeat the request');
      assert.deepEqual(published, []);
    }
  });
});
