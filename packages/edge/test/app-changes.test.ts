import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { appSchema, createMemoryAppRegistry, type App } from '@fanfare/core';
import type { CloseReason } from '@fanfare/protocol';
import { followAppChanges, type AppHolder } from '../src/app-changes.ts';
import { TokenBucket } from '../src/rate.ts';
import type { Client } from './client.ts';
import { authFor, startTestEdge, type EdgeUnderTest } from './edge-under-test.ts';

const pair = { key: 'main-key', secret: 'main-secret' };
const newPair = { key: 'new-key', secret: 'new-secret' };
const other = appSchema.parse({ id: '1002', keys: [{ key: 'other-key', secret: 'other-secret' }] });

function main(more: object = {}): App {
  return appSchema.parse({ id: '1001', keys: [pair], ...more });
}

describe('Apps that change while sockets are open', () => {
  it('[RG20] a disabled app’s sockets are closed with 4003, and nobody else’s', async () => {
    const apps = createMemoryAppRegistry([main(), other]);
    await using edge = await startTestEdge({ apps });
    const [one, two, stays] = [
      await connect(edge, pair),
      await connect(edge, pair),
      await connect(edge, other.keys[0]),
    ];
    await using _stays = stays;
    await one.join('room');
    apps.replace([main({ enabled: false }), other]);
    for (const client of [one, two]) {
      assert.equal(await client.nextError(4003), 'Application disabled');
      assert.deepEqual(await client.closedWith(), { code: 4003, reason: 'Application disabled' });
    }
    await stays.nothingBefore('the other app is none of its business');
    await using late = edge.open('/app/main-key?protocol=7');
    assert.equal((await late.closedWith()).code, 4003);
    apps.replace([main(), other]);
    await using back = await connect(edge, pair);
    await back.join('room');
    await stays.nothingBefore('nor that it is back');
    assert.equal(edge.closings.length, 2);
  });

  it('[RG20] a removed app’s sockets are closed with 4001, and what they held is given back', async () => {
    const apps = createMemoryAppRegistry([main(), other]);
    await using edge = await startTestEdge({ apps });
    const client = await connect(edge, pair);
    await using stays = await connect(edge, other.keys[0]);
    const presence = { user_id: '7' };
    const channelData = JSON.stringify(presence);
    client.subscribe(
      'presence-room',
      authFor(client.id, 'presence-room', { app: main(), channelData }),
    );
    assert.match(await client.next(), /subscription_succeeded/);
    apps.replace([other]);
    assert.deepEqual(await client.closedWith(), {
      code: 4001,
      reason: 'Application does not exist',
    });
    await edge.until(({ channels }) => channels === 0, 'nothing was held any more');
    await stays.nothingBefore('nobody else is told');
    await using late = edge.open('/app/main-key?protocol=7');
    assert.equal((await late.closedWith()).code, 4001);
    // Another app may take the key.
    apps.replace([appSchema.parse({ id: '1003', keys: [pair] }), other]);
    await using next = await connect(edge, pair);
    await next.nothingBefore('it is let in');
  });

  it('[RG21] a socket has the new settings from its next frame on', async () => {
    const apps = createMemoryAppRegistry([main()]);
    await using edge = await startTestEdge({ apps });
    await using client = await connect(edge, pair);
    await client.join('private-a', authFor(client.id, 'private-a', { app: main() }));
    const send = (): void => {
      client.sendFrame({ event: 'client-x', channel: 'private-a', data: '0123456789' });
    };
    send();
    await client.nothingBefore('all of it is allowed');
    apps.replace([main({ limits: { maxEventBytes: 5, maxChannelsPerConnection: 1 } })]);
    send();
    assert.match(await client.nextError(), /5 bytes/);
    client.subscribe('b');
    assert.match(await client.nextError(), /1/);
    await client.nextSubscriptionErrorOf('b');
    apps.replace([main({ clientEvents: false })]);
    send();
    assert.match(await client.nextError(), /client events/i);
    await client.join('b');
    apps.replace([main()]);
    send();
    await client.nothingBefore('all of it is allowed again');
  });

  it('[RG22] both keys of a rotation are good; the one that is taken away lets nobody in and closes nobody', async () => {
    const apps = createMemoryAppRegistry([main()]);
    await using edge = await startTestEdge({ apps });
    await using first = await connect(edge, pair);
    await first.join('private-a', authFor(first.id, 'private-a', { app: main() }));
    const both = main({ keys: [pair, newPair] });
    apps.replace([both]);
    await using second = await connect(edge, newPair);
    for (const [index, client] of [first, second].entries())
      for (const keyIndex of [0, 1]) {
        const name = `private-${index}-${keyIndex}`;
        await client.join(name, authFor(client.id, name, { app: both, keyIndex }));
      }
    const finished = main({ keys: [newPair] });
    apps.replace([finished]);
    await using refused = edge.open('/app/main-key?protocol=7');
    assert.equal((await refused.closedWith()).code, 4001);
    first.subscribe('private-late', authFor(first.id, 'private-late', { app: main() }));
    assert.match(await first.nextError(), /main-key/);
    await first.nextSubscriptionErrorOf('private-late');
    await first.join('private-late', authFor(first.id, 'private-late', { app: finished }));
    const frame = await edge.trigger('private-a', { app: finished });
    assert.equal(await first.next(), frame);
    assert.equal(edge.closings.length, 0);
  });

  it('[RG23] many sockets are closed in turns, and those not reached yet stay when the app is back', async () => {
    const apps = createMemoryAppRegistry([main(), other]);
    const reasons: CloseReason[] = [];
    const holder = (app: App): AppHolder => ({ app, close: (reason) => reasons.push(reason) });
    const own = Array.from({ length: 1_000 }, () => holder(main()));
    const others = [holder(other)];
    const end = followAppChanges(apps, new Set([...own, ...others]), { recount() {} });
    apps.replace([main({ enabled: false }), other]);
    const inFirst = reasons.length;
    assert.ok(inFirst > 0 && inFirst < own.length, `${inFirst} were closed in the first turn`);
    const back = main({ clientEvents: false });
    apps.replace([back, other]);
    for (let turn = 0; turn < own.length; turn += 1) await nextTurn();
    assert.equal(reasons.length, inFirst);
    assert.ok(own.every(({ app }) => app === back));
    apps.replace([other]);
    for (let turn = 0; reasons.length < inFirst + own.length && turn < 10_000; turn += 1)
      await nextTurn();
    assert.deepEqual(
      reasons.slice(inFirst).map(({ code }) => code),
      own.map(() => 4001),
    );
    end();
    apps.replace([]);
    await nextTurn();
    assert.equal(reasons.length, inFirst + own.length);
    assert.equal(others[0]?.app, other);
  });

  it('[RG24] a bucket takes another rate at once', () => {
    const bucket = new TokenBucket(10, 0);
    assert.equal(taken(bucket, 2, 0), 2);
    assert.equal(taken(bucket, 2, 1_000), 2);
    assert.equal(taken(bucket, 50, 1_500), 25);
    assert.equal(taken(bucket, 50, 60_000), 50);
  });
});

async function connect(edge: EdgeUnderTest, { key }: { readonly key: string }): Promise<Client> {
  const client = edge.open(`/app/${key}?protocol=7`);
  await client.established();
  return client;
}

/** How many of a hundred at once are let through. */
function taken(bucket: TokenBucket, perSecond: number, nowMs: number): number {
  return Array.from({ length: 100 }, () => bucket.take(perSecond, nowMs)).filter(Boolean).length;
}
