import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { inboxOf, subscribed } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';
import { startSwitch } from '../switch.ts';

const cluster = await startCluster({ edges: 2, apis: 1 });
after(() => cluster[Symbol.asyncDispose]());

describe('an edge that is killed', () => {
  it('[FT5] loses its clients to another edge, where pusher-js subscribes again to everything; others notice nothing', async () => {
    const [first, second] = cluster.edges;
    assert.ok(first !== undefined && second !== undefined);
    await using balancer = await startSwitch(first.port);
    const pusher = cluster.pusherJs(0, { wsPort: balancer.port });
    const names = ['public', 'private-one', 'private-encrypted-two'];
    const confirmed = new Inbox<string>('confirmations');
    const inboxes = await Promise.all(
      names.map(async (name) => {
        const channel = await subscribed(pusher.subscribe(name));
        channel.bind('pusher:subscription_succeeded', () => confirmed.push(name));
        return inboxOf(channel, 'e');
      }),
    );
    const socketId = pusher.connection.socket_id;

    const witness = cluster.pusherJs(1);
    const changes = new Inbox<unknown>('state changes of a client of the other edge');
    const untouched = inboxOf(await subscribed(witness.subscribe('public')), 'e');
    witness.connection.bind('state_change', changes.push);

    balancer.use(second.port);
    await first.kill();
    assert.deepEqual((await confirmed.take(3)).toSorted(), names.toSorted());
    assert.notEqual(pusher.connection.socket_id, socketId);

    const sdk = cluster.serverSdk(0);
    for (const [index, name] of names.entries()) {
      await sdk.trigger(name, 'e', { to: name });
      assert.deepEqual(await inboxes[index]?.next(), { to: name });
    }
    assert.deepEqual(await untouched.next(), { to: 'public' });
    assert.equal(changes.size, 0);
  });
});
