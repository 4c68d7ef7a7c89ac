import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Pusher from 'pusher';
import type { ApiServer } from '../src/index.ts';
import { channelsOf, harness, KEY, SECRET, type Harness } from './harness.ts';
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
      [() => sdk.sendToUser('7', 'e', ''), 501, /^Server-to-user events are not available/],
      [() => sdk.terminateUserConnections('7'), 501, /^Terminating connections is not/],
      [
        () => sdk.get({ path: '/channels', params: { filter_by_prefix: 'presence-a=b,c' } }),
        501,
        /^Channel queries are not available/,
      ],
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
});
