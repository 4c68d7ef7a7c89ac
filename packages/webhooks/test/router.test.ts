import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wantsCount, wantsEvent, wantsExistence, type WebhookEvent } from '@fanfare/core';
import { broadcastChannel, parseChannelName, type ChannelName } from '@fanfare/protocol';
import { routingsOf } from '../src/router.ts';
import { app, clientEvent, entry, occupied, vacated } from './given.ts';

function channelName(text: string): ChannelName {
  const name = parseChannelName(text);
  assert.ok(name !== undefined);
  return name;
}

const url = 'https://example.test/hook';
const joined = (channel: string): WebhookEvent => ({
  name: 'member_added',
  channel,
  user_id: '7',
});

/** Per hook of the app: name and channel of what it hears. */
function heard(webhooks: readonly object[], events: readonly WebhookEvent[]): readonly unknown[] {
  const one = app(webhooks);
  const routings = routingsOf(
    one,
    events.map((event) => entry(event)),
  );
  return one.webhooks.map(({ id }) =>
    routings
      .find(({ hook }) => hook === id)
      ?.entries.map(({ event }) => `${event.name} ${event.channel}`),
  );
}

describe('Routing', () => {
  const events = [
    occupied('a'),
    joined('presence-a'),
    clientEvent('private-a', ''),
    vacated('presence-a-log'),
    occupied('#server-to-user-7'),
  ];

  it('[WH2] a hook that names nothing hears of everything but of the channels of users', () => {
    assert.deepEqual(heard([{ url }], events), [
      [
        'channel_occupied a',
        'member_added presence-a',
        'client_event private-a',
        'channel_vacated presence-a-log',
      ],
    ]);
  });

  it('[WH2] several hooks each hear of what they want, by event and by both ends of the name', () => {
    assert.deepEqual(
      heard(
        [
          { url, events: ['channel_occupied', 'channel_vacated'] },
          { url, channels: { prefix: 'presence-' } },
          { url, channels: { suffix: '-log' } },
          { url, channels: { prefix: 'presence-', suffix: '-log' }, events: ['member_added'] },
        ],
        events,
      ),
      [
        ['channel_occupied a', 'channel_vacated presence-a-log'],
        ['member_added presence-a', 'channel_vacated presence-a-log'],
        ['channel_vacated presence-a-log'],
        undefined,
      ],
    );
  });

  it('[WH13] a hook of webman that names nothing hears of what webman knows', () => {
    assert.deepEqual(heard([{ url, dialect: 'webman' }], events), [
      ['channel_occupied a', 'member_added presence-a', 'channel_vacated presence-a-log'],
    ]);
  });

  it('[WH24] an app knows whether somebody hears of a channel or a member coming and going', () => {
    const one = app([
      { url, events: ['channel_vacated'], channels: { prefix: 'room-' } },
      { url, events: ['member_added'] },
    ]);
    assert.equal(wantsExistence(one, 'channel', 'room-1'), true);
    assert.equal(wantsExistence(one, 'channel', 'other'), false);
    assert.equal(wantsExistence(one, 'member', 'presence-a'), true);
    assert.equal(wantsExistence(one, 'member', '#server-to-user-7'), false);
    assert.equal(wantsExistence(app([]), 'channel', 'room-1'), false);
  });

  it('[SU17] a hook hears of counts only if it says so', () => {
    const counts = events.map(({ channel }) => ({
      name: 'subscription_count' as const,
      channel,
      subscription_count: 3,
    }));
    const hooks = [{ url }, { url, dialect: 'webman' }, { url, events: ['subscription_count'] }];
    const heardOf = counts.slice(0, -1).map(({ channel }) => `subscription_count ${channel}`);
    assert.deepEqual(heard(hooks, counts), [undefined, undefined, heardOf]);
  });

  it('[SU18] an app knows who hears of a count', () => {
    const webhooks = [{ url, events: ['subscription_count'], channels: { prefix: 'private-' } }];
    const wishes = (settings: object, name: string): unknown =>
      wantsCount({ ...app(webhooks), ...settings }, channelName(name));
    const on = { subscriptionCount: true };
    const encrypted = { ...on, subscriptionCountOnEncrypted: true };
    assert.equal(wishes({}, 'private-a'), undefined);
    assert.equal(wishes({ subscriptionCountOnEncrypted: true }, 'private-encrypted-a'), undefined);
    assert.deepEqual(wishes(on, 'lobby'), { subscribers: true, app: false });
    assert.deepEqual(wishes(on, 'cache-a'), { subscribers: true, app: false });
    assert.deepEqual(wishes(on, 'private-cache-a'), { subscribers: true, app: true });
    assert.deepEqual(wishes(on, 'private-encrypted-a'), { subscribers: false, app: true });
    assert.deepEqual(wishes(encrypted, 'private-encrypted-a'), { subscribers: true, app: true });
    assert.deepEqual(wishes({ ...on, webhooks: [] }, 'private-encrypted-cache-a'), undefined);
    assert.equal(wantsCount({ ...app(webhooks), ...on }, broadcastChannel), undefined);
    for (const name of ['presence-a', 'presence-cache-a', '#server-to-user-7'])
      assert.equal(wishes(encrypted, name), undefined);
  });

  it('[WH24] an app knows whether somebody hears of client events or cache misses', () => {
    for (const name of ['client_event', 'cache_miss'] as const) {
      const one = app([{ url, events: [name], channels: { suffix: '-chat' } }]);
      assert.equal(wantsEvent(one, name, 'private-cache-chat'), true);
      assert.equal(wantsEvent(one, name, 'private-cache-a'), false);
      const others = app([{ url, events: ['channel_occupied'] }]);
      assert.equal(wantsEvent(others, name, 'private-cache-a'), false);
    }
  });
});
