import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { apps, authFor, startTestEdge } from './edge-under-test.ts';

describe('Subscribing to private channels', () => {
  for (const name of ['private-room', 'private-encrypted-room']) {
    it(`[SB4] ${name} without auth is refused`, async () => {
      await using edge = await startTestEdge();
      await using client = await edge.connect();
      for (const extra of [{}, { auth: '' }, { auth: null }]) {
        client.subscribe(name, extra);
        const message = await client.nextError();
        assert.equal(message, `Auth info required to subscribe to ${name}`);
        await client.nextSubscriptionError('AuthError', message, 401, name);
      }
    });

    it(`[SB6] ${name} with a right signature gets its events`, async () => {
      await using edge = await startTestEdge();
      await using client = await edge.connect();
      await client.join(name, authFor(client.id, name));
      const event = await edge.trigger(name);
      assert.equal(await client.next(), event);
    });
  }

  it('[SB5] a key that is not one of the app is refused', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    const right = authFor(client.id, 'private-room').auth.slice('main-key'.length);
    const auths = [
      [`nobody${right}`, 'nobody'],
      [`other-key${right}`, 'other-key'],
      [right, ''],
      ['no colon', 'no colon'],
      [authFor(client.id, 'private-room', { app: apps.other }).auth, 'other-key'],
    ] as const;
    for (const [auth, shown] of auths) {
      client.subscribe('private-room', { auth });
      const message = await client.nextError();
      assert.equal(message, `Invalid key in subscription auth data: '${shown}'`);
      await client.nextSubscriptionError('AuthError', message, 401, 'private-room');
    }
  });

  it('[SB6] a wrong signature is refused with what was to be signed, never with the right one', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    const name = 'private-room';
    const text = `${client.id}:${name}`;
    const { auth } = authFor(client.id, name);
    const right = auth.slice('main-key:'.length);
    const signatures = [
      '',
      right.slice(1),
      `${right}0`,
      right.toUpperCase(),
      ` ${right}`,
      `main-key:${right}`,
      authFor('1.1', name).auth.slice('main-key:'.length),
      authFor(client.id, 'private-other').auth.slice('main-key:'.length),
      authFor(client.id, name, { keyIndex: 1 }).auth.slice('second-key:'.length),
    ];
    for (const given of signatures) {
      client.subscribe(name, { auth: `main-key:${given}` });
      const message = await client.nextError();
      assert.equal(
        message,
        `Invalid signature: Expected HMAC SHA256 hex digest of ${text}, but got ${given}`,
      );
      if (!given.includes(right)) assert.ok(!message.includes(right), 'the right one is not told');
      await client.nextSubscriptionError('AuthError', message, 401, name);
    }
    await client.join(name, { auth });
  });

  it('[SB7] channel_data belongs to the signed text, exactly as received', async () => {
    await using edge = await startTestEdge();
    const name = 'private-room';
    for (const channelData of ['{"user_id":"1"}', ' { "user_id" : 1.0 }\n', 'grüße:😀', '{}']) {
      await using client = await edge.connect();
      const { auth } = authFor(client.id, name);
      client.subscribe(name, { auth, channel_data: channelData });
      const message = await client.nextError();
      const text = `${client.id}:${name}:${channelData}`;
      assert.ok(
        message.startsWith(`Invalid signature: Expected HMAC SHA256 hex digest of ${text},`),
      );
      assert.equal((await client.nextFrame()).event, 'pusher:subscription_error');
      await client.join(name, authFor(client.id, name, { channelData }));
    }
  });

  it('[SB13] every key of an app signs, whichever the connection came with', async () => {
    await using edge = await startTestEdge();
    for (const path of ['/app/main-key', '/app/second-key']) {
      await using client = edge.open(path);
      await client.established();
      for (const [keyIndex, name] of ['private-one', 'private-two'].entries())
        await client.join(name, authFor(client.id, name, { keyIndex }));
    }
  });

  it('[SB11] an app may switch the error on the channel off; the socket stays open', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect(apps.quiet);
    client.subscribe('private-room');
    assert.equal(await client.nextError(), 'Auth info required to subscribe to private-room');
    await client.nothingBefore('nothing but the error');
  });

  it('[SB11] a failed subscription leaves the socket and its other channels as they were', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    await client.join('lobby');
    client.subscribe('private-room', { auth: 'main-key:wrong' });
    await client.nextError();
    assert.equal((await client.nextFrame()).event, 'pusher:subscription_error');
    await edge.trigger('private-room');
    const event = await edge.trigger('lobby');
    assert.equal(await client.next(), event);
    assert.equal(edge.counters.channels, 1);
    assert.equal(edge.counters.subscriptions, 1);
  });
});
