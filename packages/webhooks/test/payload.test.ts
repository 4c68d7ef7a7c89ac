import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headersOf, payloadOf } from '../src/payload.ts';
import { app, clientEvent, entry, occupied, vacated } from './given.ts';

const events = [
  entry(occupied('lobby'), { id: '3-17-0', timeMs: 17 }),
  entry(vacated('lobby'), { id: '3-18-0', timeMs: 18 }),
  entry(
    { name: 'member_added', channel: 'presence-a', user_id: '7' },
    { id: '3-19-0', timeMs: 19 },
  ),
  entry(
    { name: 'member_removed', channel: 'presence-a', user_id: '7' },
    { id: '3-19-1', timeMs: 19 },
  ),
  entry(clientEvent('presence-a', '{"x":1}', '7'), { id: '3-20-0', timeMs: 20 }),
];

describe('A payload', () => {
  it('[WH1] is the body of Pusher, with the time of the first event and values that are text', () => {
    assert.deepEqual(JSON.parse(payloadOf('hook', events, 'pusher').body), {
      time_ms: 17,
      events: [
        { name: 'channel_occupied', channel: 'lobby' },
        { name: 'channel_vacated', channel: 'lobby' },
        { name: 'member_added', channel: 'presence-a', user_id: '7' },
        { name: 'member_removed', channel: 'presence-a', user_id: '7' },
        {
          name: 'client_event',
          channel: 'presence-a',
          event: 'client-typing',
          data: '{"x":1}',
          socket_id: '1.1',
          user_id: '7',
        },
      ],
    });
  });

  it('[WH1] has a time in whole milliseconds', () => {
    const { body } = payloadOf('hook', [entry(occupied('a'), { timeMs: 17.9 })], 'pusher');
    assert.match(body, /^\{"time_ms":17,/);
  });

  it('[WH13] has the names of webman and the same envelope', () => {
    const { time_ms: timeMs, events: told } = JSON.parse(payloadOf('h', events, 'webman').body) as {
      time_ms: number;
      events: { name: string }[];
    };
    assert.equal(timeMs, 17);
    assert.deepEqual(told.slice(0, 4), [
      { name: 'channel_added', channel: 'lobby' },
      { name: 'channel_removed', channel: 'lobby' },
      { name: 'user_added', channel: 'presence-a', user_id: '7' },
      { name: 'user_removed', channel: 'presence-a', user_id: '7' },
    ]);
    assert.equal(told[4]?.name, 'client_event');
  });

  it('[WH4] has a key that follows from the hook and the ids alone', () => {
    const { idempotencyKey, eventIds } = payloadOf('hook', events, 'pusher');
    assert.deepEqual(eventIds, ['3-17-0', '3-18-0', '3-19-0', '3-19-1', '3-20-0']);
    assert.match(idempotencyKey, /^[0-9a-f]{32}$/);
    assert.equal(payloadOf('hook', [...events], 'webman').idempotencyKey, idempotencyKey);
    assert.notEqual(payloadOf('other', events, 'pusher').idempotencyKey, idempotencyKey);
    assert.notEqual(payloadOf('hook', events.slice(1), 'pusher').idempotencyKey, idempotencyKey);
    assert.notEqual(payloadOf('hook', events.slice(0, 4), 'pusher').idempotencyKey, idempotencyKey);
  });

  it('[WH1] has our own headers whatever the hook adds', () => {
    const payload = payloadOf('hook', events.slice(0, 1), 'pusher');
    const headers = headersOf(payload, app([]), { 'X-Own': 'yes' }, 3);
    assert.deepEqual(
      { ...headers, 'X-Pusher-Signature': undefined, 'Idempotency-Key': undefined },
      {
        'X-Own': 'yes',
        'Content-Type': 'application/json',
        'X-Pusher-Key': 'first-key',
        'X-Pusher-Signature': undefined,
        'Idempotency-Key': undefined,
        'X-Webhook-Attempt': '3',
        'X-Webhook-Event-Ids': '3-17-0',
        'User-Agent': 'fanfare',
      },
    );
  });
});
