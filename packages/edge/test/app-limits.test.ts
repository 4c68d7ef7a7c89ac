import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appSchema, createMemoryNetwork, sign, type App, type Bus } from '@fanfare/core';
import { authFor, startTestEdge } from './edge-under-test.ts';
import type { Client } from './client.ts';

function appWith(limits: Readonly<Record<string, number>>): App {
  return appSchema.parse({ id: '2004', keys: [{ key: 'own-key', secret: 'own-secret' }], limits });
}

const CHARS = 'characters out of A-Z a-z 0-9 _ - = @ , . ;';

/** A client of an app with these limits. */
async function withLimits(
  limits: Readonly<Record<string, number>>,
  run: (client: Client, app: App, other: () => Promise<Client>) => Promise<void>,
): Promise<void> {
  const app = appWith(limits);
  await using edge = await startTestEdge({ moreApps: [app] });
  const clients = [await edge.connect(app)];
  const other = async (): Promise<Client> => {
    const client = await edge.connect(app);
    clients.push(client);
    return client;
  };
  try {
    const [client] = clients;
    if (client !== undefined) await run(client, app, other);
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
  }
}

async function joinPrivate(client: Client, name: string, app: App): Promise<void> {
  await client.join(name, authFor(client.id, name, { app }));
}

/** A user_info of so many bytes. */
function infoOf(bytes: number): string {
  return `{"n":"${'x'.repeat(bytes - '{"n":""}'.length)}"}`;
}

function memberOf(bytes: number): string {
  return `{"user_id":"1","user_info":${infoOf(bytes)}}`;
}

/** What becomes of joining a presence channel: nothing, or what was wrong. */
async function present(
  client: Client,
  app: App,
  channelData: string,
  name = 'presence-a',
): Promise<string | undefined> {
  client.subscribe(name, authFor(client.id, name, { app, channelData }));
  const { event, data } = await client.nextFrame();
  if (event === 'pusher_internal:subscription_succeeded') return undefined;
  assert.equal(event, 'pusher:error');
  const { message } = data as { message: string };
  await client.nextFrame();
  return message;
}

describe("An app's own limits on a socket", () => {
  it('[LM28] maxChannelNameChars', async () => {
    await withLimits({ maxChannelNameChars: 20 }, async (client, app) => {
      await client.join('a'.repeat(20));
      client.subscribe('a'.repeat(21));
      const message = `Invalid channel name '${'a'.repeat(21)}': expected 1 to 20 ${CHARS}`;
      assert.equal(await client.nextError(), message);
      await client.nextSubscriptionError('RequestError', message, 400);
      await joinPrivate(client, `private-${'a'.repeat(12)}`, app);
      const name = `private-${'a'.repeat(13)}`;
      client.subscribe(name, authFor(client.id, name, { app }));
      assert.equal(
        await client.nextError(),
        `Invalid channel name '${name}': expected 1 to 20 ${CHARS}`,
      );
    });
  });

  it('[LM28] maxEventNameChars and maxEventBytes', async () => {
    const limits = { maxEventNameChars: 12, maxEventBytes: 9 };
    await withLimits(limits, async (client, app, other) => {
      const receiver = await other();
      await joinPrivate(client, 'private-a', app);
      await joinPrivate(receiver, 'private-a', app);
      const send = (event: string, data: string): void =>
        client.sendFrame({ event, channel: 'private-a', data });
      send('client-67890', '123456789');
      const heard = '{"event":"client-67890","channel":"private-a","data":"123456789"}';
      assert.equal(await receiver.next(), heard);
      send('client-678901', '');
      assert.equal(
        await client.nextError(),
        'Client event rejected - event name is longer than 12 characters',
      );
      // Three characters of three bytes each fit, and not one byte more.
      send('client-a', '☃☃☃');
      assert.match(await receiver.next(), /☃☃☃/);
      for (const data of ['☃☃☃a', '1234567890']) {
        send('client-a', data);
        assert.equal(
          await client.nextError(),
          'Client event rejected - data is larger than 9 bytes',
        );
      }
      await receiver.nothingBefore('a refused event was sent');
    });
  });

  it('[LM28] maxEventBytes as large as can be set, beyond which a frame is too large anyway', async () => {
    const limits = { maxEventBytes: 262_144, maxChannelsPerTrigger: 10 };
    await withLimits(limits, async (client, app, other) => {
      const receiver = await other();
      await joinPrivate(client, 'private-a', app);
      await joinPrivate(receiver, 'private-a', app);
      const data = 'x'.repeat(65_000);
      client.sendFrame({ event: 'client-a', channel: 'private-a', data });
      assert.equal((await receiver.nextFrame()).data, data);
      client.sendFrame({ event: 'client-a', channel: 'private-a', data: 'x'.repeat(66_000) });
      assert.deepEqual(await client.closedWith(), { code: 1009, reason: 'Message too large' });
    });
  });

  it('[LM28] maxClientEventsPerSecond', async () => {
    await withLimits({ maxClientEventsPerSecond: 3 }, async (client, app, other) => {
      const receiver = await other();
      await joinPrivate(client, 'private-a', app);
      await joinPrivate(receiver, 'private-a', app);
      for (let at = 0; at < 4; at += 1)
        client.sendFrame({ event: 'client-a', channel: 'private-a', data: String(at) });
      assert.equal(
        await client.nextError(4301),
        'Client event rejected due to rate limit: more than 3 in a second on this connection',
      );
      for (const at of ['0', '1', '2']) assert.equal((await receiver.nextFrame()).data, at);
      await client.nothingBefore('the socket stays, and is told once');
    });
  });

  it('[LM28] maxChannelsPerConnection', async () => {
    await withLimits({ maxChannelsPerConnection: 3 }, async (client) => {
      for (const name of ['a', 'b', 'c']) await client.join(name);
      client.subscribe('d');
      const message = 'Over the limit of 3 channels on one connection';
      assert.equal(await client.nextError(), message);
      await client.nextSubscriptionError('LimitError', message, 429);
      client.unsubscribe('a');
      await client.join('d');
    });
  });

  it('[LM28] maxPresenceMembers', async () => {
    await withLimits({ maxPresenceMembers: 2 }, async (client, app, other) => {
      assert.equal(await present(client, app, '{"user_id":"1"}'), undefined);
      const second = await other();
      assert.equal(await present(second, app, '{"user_id":"2"}'), undefined);
      const third = await other();
      assert.equal(
        await present(third, app, '{"user_id":"3"}'),
        'Channel presence-a is full: it may have 2 members',
      );
      assert.equal(await present(third, app, '{"user_id":"2"}'), undefined);
    });
  });

  for (const [max, room] of [
    [20, 20],
    [16_384, 16_384],
  ] as const)
    it(`[LM28] maxPresenceUserInfoBytes of ${max}`, async () => {
      await withLimits(
        { maxPresenceUserInfoBytes: max, maxPresenceMembers: 10 },
        async (client, app) => {
          assert.equal(
            await present(client, app, memberOf(room + 1)),
            `user_info supplied to presence subscription is larger than ${max} bytes`,
          );
          assert.equal(await present(client, app, memberOf(room)), undefined);
        },
      );
    });

  it('[LM28] maxPresenceUserInfoBytes of who is signed in', async () => {
    await withLimits({ maxPresenceUserInfoBytes: 20 }, async (_client, app, other) => {
      for (const [bytes, event] of [
        [20, 'pusher_internal:subscription_succeeded'],
        [21, 'pusher:error'],
      ] as const) {
        const client = await other();
        const userData = `{"id":"7","user_info":${infoOf(bytes)}}`;
        const [{ key, secret }] = app.keys;
        const auth = `${key}:${sign(secret, `${client.id}::user::${userData}`)}`;
        client.sendFrame({ event: 'pusher:signin', data: { auth, user_data: userData } });
        assert.equal((await client.nextFrame()).event, 'pusher:signin_success');
        client.subscribe('presence-a', authFor(client.id, 'presence-a', { app }));
        assert.equal((await client.nextFrame()).event, event);
      }
    });
  });

  it('[LM29] whoever may have many channels may ask for all of them while the bus is slow', async () => {
    const app = appWith({ maxChannelsPerConnection: 4_000 });
    const network = createMemoryNetwork();
    const begun: (() => void)[] = [];
    await using edge = await startTestEdge({
      network,
      moreApps: [app],
      openBus: (events): Bus => {
        const bus = network.open(events);
        const slow = new Promise<void>((resolve) => begun.push(resolve));
        return {
          ...bus,
          async subscribe(channel) {
            await slow;
            await bus.subscribe(channel);
          },
        };
      },
    });
    await using client = await edge.connect(app);
    const names = Array.from({ length: 4_000 }, (_, at) => `private-${'x'.repeat(150)}-${at}`);
    for (const name of names) client.subscribe(name, authFor(client.id, name, { app }));
    await client.allRead();
    for (const begin of begun) begin();
    for (const name of names) assert.equal((await client.nextFrame()).channel, name);
  });
});
