import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wantsEvent, wantsExistence, type WebhookEvent } from '@fanfare/core';
import { routingsOf } from '../src/router.ts';
import { app, clientEvent, entry, occupied, vacated } from './given.ts';

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
