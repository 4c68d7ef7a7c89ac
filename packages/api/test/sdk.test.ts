import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Pusher from 'pusher';
import type { ApiServer } from '../src/index.ts';
import { channelsOf, harness, KEY, SECRET, type Harness } from './harness.ts';
import { stateWith } from './memory-state.ts';
import { start } from './server-under-test.ts';

function sdkOf({ port }: ApiServer, secret = SECRET): Pusher {
  return new Pusher({ appId: '3', key: KEY, secret, host: '127.0.0.1', port: String(port) });
}

/** The SDK signs with the time of its own clock. */
function api(): Harness {
  return harness({ nowMs: Date.now });
}

interface Refused {
  readonly status: number;
  readonly body: string;
}

describe("Pusher's own SDK for Node", () => {
  it('[TR17] trigger publishes to one channel and to several', async () => {
    const served = api();
    await using server = await start(served);
    const sdk = sdkOf(server);
    const reply = await sdk.trigger('my-channel', 'my-event', { message: 'hello' });
    assert.equal(reply.status, 200);
    assert.deepEqual(await reply.json(), {});
    await sdk.trigger(['a', 'private-b=c@d,e.f;g'], 'x', 'text', { socket_id: '1.2' });
    assert.deepEqual(served.published.map(channelsOf), [
      ['3/my-channel'],
      ['3/a', '3/private-b=c@d,e.f;g'],
    ]);
    assert.equal(
      served.published[0]?.[0]?.frame,
      '{"event":"my-event","channel":"my-channel","data":"{\\"message\\":\\"hello\\"}"}',
    );
    assert.equal(served.published[1]?.[0]?.except, '1.2');
  });

  it('[TR17] triggerBatch publishes its events in their order', async () => {
    const served = api();
    await using server = await start(served);
    await sdkOf(server).triggerBatch([
      { channel: 'b', name: 'e', data: { n: 1 } },
      { channel: 'a', name: 'e', data: 'two' },
    ]);
    assert.deepEqual(served.published.map(channelsOf), [['3/b', '3/a']]);
  });

  it('[TR17] forURL points it here', async () => {
    const served = api();
    await using server = await start(served);
    const sdk = Pusher.forURL(`http://${KEY}:${SECRET}@127.0.0.1:${server.port}/apps/3`);
    await sdk.trigger('my-channel', 'my-event', '');
    assert.deepEqual(served.published.map(channelsOf), [['3/my-channel']]);
  });

  it('[TR17] what is refused reaches the caller with its status and text', async () => {
    const served = api();
    await using server = await start(served);
    const sdk = sdkOf(server);
    const rows: readonly (readonly [() => Promise<unknown>, number, RegExp])[] = [
      [() => sdk.trigger('c', 'e', 'x'.repeat(10_241)), 413, /^The data content of this event/],
      [() => sdk.trigger('c', 'pusher:e', ''), 400, /^Invalid event name/],
      [() => sdkOf(server, 'wrong').trigger('c', 'e', ''), 401, /^Invalid signature: /],
      [() => sdk.sendToUser('7', 'pusher:e', ''), 400, /^Invalid event name/],
      [() => sdk.terminateUserConnections('a:b'), 400, /^Invalid user id "a:b": expected 1 to 200/],
    ];
    for (const [call, status, text] of rows)
      await assert.rejects(call(), (error) => {
        const refused = error as Refused;
        assert.equal(refused.status, status);
        assert.match(refused.body, text);
        return true;
      });
    assert.deepEqual(served.published, []);
  });

  it('[CQ17] get lists channels, describes one and lists its users', async () => {
    const room = 'presence-a=b@c,d;e.f';
    const state = await stateWith({
      [room]: { sockets: 3, users: { '1': 2, 'u=2': 1 } },
      lobby: { sockets: 1 },
    });
    await using server = await start(harness({ nowMs: Date.now, state }));
    const sdk = sdkOf(server);
    const get = async (path: string, params: Record<string, string> = {}): Promise<unknown> => {
      const reply = await sdk.get({ path, params });
      assert.equal(reply.status, 200);
      return reply.json();
    };
    assert.deepEqual(await get('/channels'), { channels: { [room]: {}, lobby: {} } });
    assert.deepEqual(
      await get('/channels', { filter_by_prefix: 'presence-', info: 'user_count' }),
      { channels: { [room]: { user_count: 2 } } },
    );
    assert.deepEqual(await get(`/channels/${room}`, { info: 'user_count,subscription_count' }), {
      occupied: true,
      user_count: 2,
      subscription_count: 3,
    });
    assert.deepEqual(await get('/channels/nowhere'), { occupied: false });
    assert.deepEqual(await get(`/channels/${room}/users`), { users: [{ id: '1' }, { id: 'u=2' }] });
    assert.deepEqual(await get('/channels/presence-nowhere/users'), { users: [] });
    await assert.rejects(
      sdk.get({ path: '/channels/lobby/users' }),
      (error) => (error as Refused).status === 400 && /presence/.test((error as Refused).body),
    );
  });

  it('[TR17] trigger and triggerBatch get the counts they ask for', async () => {
    const state = await stateWith({
      'presence-a': { sockets: 3, users: { '1': 3 } },
      b: { sockets: 2 },
    });
    await using server = await start(harness({ nowMs: Date.now, state }));
    const sdk = sdkOf(server);
    const info = 'user_count,subscription_count';
    const reply = await sdk.trigger(['presence-a', 'b'], 'e', '', { info });
    assert.deepEqual(await reply.json(), {
      channels: {
        'presence-a': { user_count: 1, subscription_count: 3 },
        b: { subscription_count: 2 },
      },
    });
    const batched = await sdk.triggerBatch([
      { channel: 'b', name: 'e', data: '' },
      { channel: 'presence-a', name: 'e', data: '', info: 'user_count' },
    ]);
    assert.deepEqual(await batched.json(), { batch: [{}, { user_count: 1 }] });
  });
});
