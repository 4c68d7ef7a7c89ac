import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import PusherServer from 'pusher';
import { startCluster } from '../cluster.ts';
import { startFanfare } from '../fanfare.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';
import { freePort } from '../support/free-port.ts';
import { ask, openClient, subscription, untilCounts, usersOf } from '../truth.ts';
import { startReceiver } from '../webhook-receiver.ts';

/** Hears of everything; the other two of a part of it. */
const receiver = await startReceiver();
const filtered = await startReceiver();
const webman = await startReceiver();
after(() => Promise.all([receiver, filtered, webman].map((each) => each[Symbol.asyncDispose]())));
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 1,
  app: {
    webhooks: [
      { url: receiver.url },
      {
        url: filtered.url,
        events: ['client_event', 'channel_vacated'],
        channels: { prefix: 'private-', suffix: '-told' },
        headers: { 'X-Tenant': 'blue' },
      },
      { url: webman.url, dialect: 'webman' },
    ],
  },
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);
for (const each of [receiver, filtered, webman]) each.trust(sdk);

/** A leave is told after three seconds, within the worker's polls and a slow machine's time. */
const LEAVE_PATIENCE_MS = 15_000;
/** How long a leave is not told. */
const DELAY_MS = 3_000;

/** What is told of a member that is alone in its channel. */
const IN_ORDER = ['channel_occupied', 'member_added a', 'member_removed a', 'channel_vacated'];

/**
 * A new store announces nothing for a while, and then all at once and sorted. Once this has
 * resolved, what comes up in any partition is told at once, and could overtake.
 */
async function untilToldAtOnce(name: string): Promise<void> {
  await using _socket = await openClient(cluster, 0, [name]);
  // All partitions are as old as the first edge, within a moment.
  await receiver.storyOf(name, 1);
}

async function close(...sockets: readonly RawSocket[]): Promise<void> {
  for (const socket of sockets) await socket[Symbol.asyncDispose]();
}

describe('webhooks of a cluster', { concurrency: true }, () => {
  it('[WE1] tell once that a channel is occupied and vacated, whatever edges its clients are on', async () => {
    const name = 'rooms';
    const first = await openClient(cluster, 0, [name]);
    const second = await openClient(cluster, 1, [name]);
    assert.deepEqual(await receiver.storyOf(name, 1), ['channel_occupied']);
    await close(first);
    await untilCounts(sdk, { [name]: 1 });
    await close(second);
    const closedMs = performance.now();
    assert.deepEqual(await receiver.storyOf(name, 2, LEAVE_PATIENCE_MS), [
      'channel_occupied',
      'channel_vacated',
    ]);
    // Half a second for what the edge takes to notice, which may be before we do.
    const tookMs = performance.now() - closedMs;
    assert.ok(tookMs > DELAY_MS - 500, `told after ${Math.round(tookMs)} ms`);
  });

  it('[WE2] tell once that a member comes and goes, whatever edges its tabs are on', async () => {
    const name = 'presence-members';
    const tabs = [
      await openClient(cluster, 0, [name], 'a'),
      await openClient(cluster, 1, [name], 'a'),
    ];
    const other = await openClient(cluster, 1, [name], 'b');
    const come = await receiver.storyOf(name, 3);
    assert.deepEqual(come.toSorted(), ['channel_occupied', 'member_added a', 'member_added b']);
    await close(...tabs);
    const left = await receiver.storyOf(name, 4, LEAVE_PATIENCE_MS);
    assert.deepEqual(left.slice(3), ['member_removed a']);
    await close(other);
    const end = await receiver.storyOf(name, 6, LEAVE_PATIENCE_MS);
    assert.deepEqual(end.slice(4).toSorted(), ['channel_vacated', 'member_removed b']);
  });

  it('[WE10] tell of the first member after its channel, and of the last before it', async () => {
    await untilToldAtOnce('before-order');
    const names = Array.from({ length: 6 }, (_, index) => `presence-order-${index}`);
    // One after the other, so that no report of another channel takes them along.
    for (const [index, name] of names.entries()) {
      const socket = await openClient(cluster, index % 2, [name], 'a');
      await receiver.storyOf(name, 2);
      await close(socket);
    }
    for (const name of names)
      assert.deepEqual(await receiver.storyOf(name, 4, LEAVE_PATIENCE_MS), IN_ORDER);
  });

  it('[WE3] tell a hook only the events and channels that it wants, with its own headers', async () => {
    const [told, other] = ['private-chat-told', 'private-chat-else'];
    const socket = await openClient(cluster, 0, [told, other]);
    for (const channel of [other, told]) socket.send('client-said', { to: channel }, channel);
    assert.deepEqual(await filtered.storyOf(told, 1), ['client_event client-said']);
    const [{ event, id } = assert.fail()] = filtered.accepted(told);
    assert.deepEqual(event, {
      name: 'client_event',
      channel: told,
      event: 'client-said',
      data: JSON.stringify({ to: told }),
      socket_id: socket.id,
    });
    assert.match(id, /./);
    await receiver.storyOf(other, 2);
    await close(socket);
    await filtered.storyOf(told, 2, LEAVE_PATIENCE_MS);
    assert.deepEqual(filtered.story(told), ['client_event client-said', 'channel_vacated']);
    await receiver.storyOf(other, 3, LEAVE_PATIENCE_MS);
    assert.deepEqual(filtered.story(other), []);
    for (const { headers } of filtered.requests) assert.equal(headers['x-tenant'], 'blue');
    for (const { headers } of receiver.requests) assert.equal(headers['x-tenant'], undefined);
  });

  it('[WE4] name the member in a client event of a presence channel', async () => {
    const name = 'presence-said';
    await using socket = await openClient(cluster, 1, [name], '7');
    socket.send('client-said', 'hello', name);
    await receiver.storyOf(name, 3);
    const said = receiver.accepted(name).find(({ event }) => event['name'] === 'client_event');
    assert.deepEqual(said?.event, {
      name: 'client_event',
      channel: name,
      event: 'client-said',
      data: 'hello',
      socket_id: socket.id,
      user_id: '7',
    });
  });

  it('[WE5] never tell of a refresh within three seconds, on the same edge or another', async () => {
    const name = 'presence-refreshed';
    let page = await openClient(cluster, 0, [name], 'a');
    await receiver.storyOf(name, 2);
    for (const edge of [0, 1, 1, 0, 1]) {
      await close(page);
      // Gone for the whole cluster, and back: not a page that was there all the time.
      await untilCounts(sdk, { [name]: 0 });
      page = await openClient(cluster, edge, [name], 'a');
      await untilCounts(sdk, { [name]: 1 });
    }
    await close(page);
    const story = await receiver.storyOf(name, 4, LEAVE_PATIENCE_MS);
    assert.deepEqual(story.slice(0, 2).toSorted(), ['channel_occupied', 'member_added a']);
    assert.deepEqual(story.slice(2).toSorted(), ['channel_vacated', 'member_removed a']);
  });

  it('[WE6] tell once of a leave that lasts longer, and of the return', async () => {
    const name = 'presence-returned';
    const story: string[] = [];
    for (const edge of [0, 1]) {
      const page = await openClient(cluster, edge, [name], 'a');
      const come = await receiver.storyOf(name, story.length + 2);
      assert.deepEqual(come.slice(story.length).toSorted(), ['channel_occupied', 'member_added a']);
      await close(page);
      const gone = await receiver.storyOf(name, story.length + 4, LEAVE_PATIENCE_MS);
      assert.deepEqual(gone.slice(story.length + 2).toSorted(), [
        'channel_vacated',
        'member_removed a',
      ]);
      story.push(...gone.slice(story.length));
    }
  });

  it('[WE7] are named as webman/push does in its dialect, and are as many', async () => {
    const name = 'presence-webman';
    let page = await openClient(cluster, 0, [name], 'a');
    page.send('client-said', 'nothing of it is told', name);
    await webman.storyOf(name, 2);
    await close(page);
    await untilCounts(sdk, { [name]: 0 });
    page = await openClient(cluster, 1, [name], 'a');
    await untilCounts(sdk, { [name]: 1 });
    await close(page);
    const story = await webman.storyOf(name, 4, LEAVE_PATIENCE_MS);
    assert.deepEqual(story.slice(0, 2).toSorted(), ['channel_added', 'user_added a']);
    assert.deepEqual(story.slice(2).toSorted(), ['channel_removed', 'user_removed a']);
    for (const { event } of webman.accepted(name))
      assert.equal('user_id' in event, String(event['name']).startsWith('user_'));
  });

  it('[WE8] leave the answers of the API to the official SDK true over both edges', async () => {
    const [open, room] = ['asked-open', 'presence-asked'];
    const sockets = [
      await openClient(cluster, 0, [open, room], 'a'),
      await openClient(cluster, 1, [open, room], 'a'),
      await openClient(cluster, 1, [room], 'b'),
    ];
    await untilCounts(sdk, { [open]: 2, [room]: 3 });
    const byPrefix = (prefix: string, info = ''): Promise<unknown> =>
      ask(sdk, '/channels', { filter_by_prefix: prefix, ...(info === '' ? {} : { info }) });
    assert.deepEqual(await byPrefix('asked-'), { channels: { [open]: {} } });
    assert.deepEqual(await byPrefix('presence-asked', 'user_count'), {
      channels: { [room]: { user_count: 2 } },
    });
    assert.deepEqual(await byPrefix('asked-nobody'), { channels: {} });
    assert.deepEqual(
      await ask(sdk, `/channels/${room}`, { info: 'user_count,subscription_count' }),
      { occupied: true, user_count: 2, subscription_count: 3 },
    );
    assert.deepEqual(await usersOf(sdk, room), ['a', 'b']);
    const triggered = await sdk.trigger([open, room], 'e', {}, {
      info: 'subscription_count',
    } as PusherServer.TriggerParams);
    assert.deepEqual(await triggered.json(), {
      channels: { [open]: { subscription_count: 2 }, [room]: { subscription_count: 3 } },
    });
    await close(...sockets);
    await untilCounts(sdk, { [open]: 0, [room]: 0 });
    assert.deepEqual(await ask(sdk, `/channels/${open}`), { occupied: false });
    assert.deepEqual(await usersOf(sdk, room), []);
  });

  it('[WE20] tell of a client event behind its channel and its member, however soon it is sent', async () => {
    await untilToldAtOnce('not-fresh');
    const names = Array.from({ length: 50 }, (_, index) =>
      index % 5 === 0 ? `presence-fresh-${index}` : `private-fresh-${index}`,
    );
    // As many of them as a connection may send events in a moment.
    for (let at = 0; at < names.length; at += 10) {
      await using socket = await openClient(cluster, (at / 10) % 2, []);
      for (const name of names.slice(at, at + 10)) {
        socket.send('pusher:subscribe', subscription(sdk, socket.id, name, 'a'));
        socket.send('client-said', 'at once', name);
      }
      for (const name of names.slice(at, at + 10)) {
        const isPresence = name.startsWith('presence-');
        const story = await receiver.storyOf(name, isPresence ? 3 : 2);
        assert.deepEqual(story.slice(0, 3).toSorted(), [
          'channel_occupied',
          'client_event client-said',
          ...(isPresence ? ['member_added a'] : []),
        ]);
        assert.equal(story[isPresence ? 2 : 1], 'client_event client-said');
      }
    }
  });

  it('[WE11] go to the address and in the dialect that the settings of the one app name', async () => {
    await using own = await startReceiver();
    await using small = await startCluster({
      edges: 1,
      apis: 1,
      workers: 1,
      env: { WEBHOOK_URL: own.url, WEBHOOK_DIALECT: 'webman' },
    });
    own.trust(small.serverSdk(0));
    await using _socket = await openClient(small, 0, ['by-settings']);
    assert.deepEqual(await own.storyOf('by-settings', 1), ['channel_added']);
  });

  it('[WE9] are the same of `fanfare start` in memory', async () => {
    await using own = await startReceiver();
    const [app, port] = [{ id: '7', key: 'start-key', secret: 'start-secret' }, await freePort()];
    const apiPort = await freePort();
    await using fanfare = startFanfare(['start'], {
      env: {
        APP_ID: app.id,
        APP_KEY: app.key,
        APP_SECRET: app.secret,
        WEBHOOK_URL: own.url,
        EDGE_PORT: String(port),
        API_PORT: String(apiPort),
        OPS_PORT: '0',
      },
    });
    await fanfare.says(/"msg":"started"/);
    const options = { appId: app.id, ...app, host: '127.0.0.1', port: String(apiPort) };
    const backend = new PusherServer(options);
    own.trust(backend);
    const open = async (): Promise<RawSocket> => {
      const socket = await openRawSocket(`ws://127.0.0.1:${port}/app/${app.key}?protocol=7`);
      socket.send('pusher:subscribe', subscription(backend, socket.id, 'presence-start', 'a'));
      await socket.frames.next();
      return socket;
    };
    const page = await open();
    page.send('client-said', 'hello', 'presence-start');
    await own.storyOf('presence-start', 3);
    await close(page);
    await untilCounts(backend, { 'presence-start': 0 });
    await close(await open());
    const story = await own.storyOf('presence-start', 5, LEAVE_PATIENCE_MS);
    assert.deepEqual(story.toSpliced(2, 1), IN_ORDER);
    assert.equal(story[2], 'client_event client-said');
  });
});
