import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type PusherJsModule from 'pusher-js';
import { startCluster } from '../cluster.ts';
import { Crowd } from '../crowd.ts';
import { inboxOf, subscribed, type PusherChannel, type PusherJs } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';
import { subscription, usersOf } from '../truth.ts';
import { eventually } from '../eventually.ts';

type PresenceChannel = PusherJsModule.PresenceChannel;
interface Member {
  readonly id: string;
  readonly info: unknown;
}

const MEMBERS_MAX = 1_000;
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  app: { limits: { maxPresenceMembers: MEMBERS_MAX } },
});
after(() => cluster[Symbol.asyncDispose]());
const sdk = cluster.serverSdk(0);

/** A pusher-js that its backend signs in to presence channels as the user. */
function clientOf(user: string, edge: number): PusherJs {
  return cluster.pusherJs(edge, {
    channelAuthorization: {
      transport: 'ajax',
      endpoint: '',
      customHandler: ({ socketId, channelName }, callback) => {
        const { auth = '', channel_data: data = '' } = subscription(
          sdk,
          socketId,
          channelName,
          user,
        );
        callback(null, { auth, channel_data: data });
      },
    },
  });
}

async function enter(pusher: PusherJs, name: string): Promise<PresenceChannel> {
  return (await subscribed<PusherChannel>(pusher.subscribe(name))) as PresenceChannel;
}

function membersOf(channel: PresenceChannel): readonly Member[] {
  const found: Member[] = [];
  channel.members.each((member: Member) => found.push(member));
  return found.toSorted((one, other) => one.id.localeCompare(other.id));
}

const named = (id: string): Member => ({ id, info: { name: `user ${id}` } });

/** All that pusher-js says of members coming and going, in order. */
function comingAndGoing(channel: PresenceChannel): Inbox<string> {
  const heard = new Inbox<string>(`members of ${channel.name}`);
  channel.bind('pusher:member_added', ({ id }: Member) => heard.push(`+${id}`));
  channel.bind('pusher:member_removed', ({ id }: Member) => heard.push(`-${id}`));
  return heard;
}

describe('presence channels over two edges', () => {
  it('[PE1] tell pusher-js who is there and who it is itself', async () => {
    const first = await enter(clientOf('1', 0), 'presence-roster');
    const second = await enter(clientOf('2', 1), 'presence-roster');
    assert.deepEqual(second.members.me, named('2'));
    assert.equal(second.members.count, 2);
    assert.deepEqual(membersOf(second), [named('1'), named('2')]);
    await eventually(
      () => first.members.count === 2,
      () => `the first knows of ${first.members.count}`,
    );
    assert.deepEqual(membersOf(first), [named('1'), named('2')]);
    assert.deepEqual(first.members.me, named('1'));
    assert.deepEqual(await usersOf(sdk, 'presence-roster'), ['1', '2']);
  });

  it('[PE2] tell of a member that comes and goes on the other edge', async () => {
    const here = await enter(clientOf('here', 0), 'presence-doors');
    const added = inboxOf(here, 'pusher:member_added');
    const removed = inboxOf(here, 'pusher:member_removed');
    const pusher = clientOf('there', 1);
    await enter(pusher, 'presence-doors');
    assert.deepEqual(await added.next(), named('there'));
    pusher.unsubscribe('presence-doors');
    assert.deepEqual(await removed.next(), named('there'));
    await enter(pusher, 'presence-doors');
    assert.deepEqual(await added.next(), named('there'));
    pusher.disconnect();
    assert.deepEqual(await removed.next(), named('there'));
    assert.deepEqual(membersOf(here), [named('here')]);
    assert.deepEqual([added.size, removed.size], [0, 0]);
  });

  it('[PE3] count a user with tabs on both edges as one member until the last of them is gone', async () => {
    const name = 'presence-tabs';
    const heard = comingAndGoing(await enter(clientOf('watcher', 0), name));
    const tabs = [clientOf('tabs', 0), clientOf('tabs', 1), clientOf('tabs', 1)];
    const channels: PresenceChannel[] = [];
    for (const tab of tabs) channels.push(await enter(tab, name));
    for (const channel of channels)
      assert.deepEqual(membersOf(channel), [named('tabs'), named('watcher')]);
    const heardByTab = comingAndGoing(channels[2] as PresenceChannel);
    tabs[0]?.disconnect();
    tabs[1]?.unsubscribe(name);
    // The marker: had the tabs that left been told of, it would stand before this one.
    const marker = clientOf('marker', 1);
    await enter(marker, name);
    assert.deepEqual(await heard.take(2), ['+tabs', '+marker']);
    assert.deepEqual(await heardByTab.next(), '+marker');
    tabs[2]?.disconnect();
    assert.deepEqual(await heard.next(), '-tabs');
    marker.disconnect();
    assert.deepEqual(await heard.next(), '-marker');
    assert.deepEqual(await usersOf(sdk, name), ['watcher']);
  });

  it('[PE4] name the user in a client event, on both edges', async () => {
    const name = 'presence-typing';
    const sender = await enter(clientOf('sender', 0), name);
    const inboxes = await Promise.all(
      [0, 1].map(async (edge) => {
        const heard = new Inbox<unknown>(`client events on edge ${edge}`);
        const channel = await enter(clientOf(`reader ${edge}`, edge), name);
        channel.bind('client-typing', (data: unknown, meta: unknown) => heard.push([data, meta]));
        return heard;
      }),
    );
    assert.ok(sender.trigger('client-typing', { n: 1 }));
    for (const inbox of inboxes)
      assert.deepEqual(await inbox.next(), [{ n: 1 }, { user_id: 'sender' }]);
  });

  it('[PE5] end with the true roster at every client after 200 joins and leaves at once', async () => {
    const name = 'presence-crowd';
    await using crowd = await Crowd.open(cluster, name, { sockets: 200, users: 120, seed: 7 });
    await crowd.stir({ moves: 6 });
    const truth = crowd.truth();
    assert.ok(truth.length > 20 && truth.length < 120, `${truth.length} users are left`);
    await eventually(
      () => crowd.wrong().length === 0,
      () => crowd.wrong().slice(0, 10).join('\n'),
    );
    assert.deepEqual(await usersOf(sdk, name), truth);
    // Nobody was told that somebody came who was there, or that somebody went who was not.
    assert.deepEqual(crowd.repeats, []);
  });
});
