import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClaimedLane, WebhookEvent } from '@fanfare/core';
import { batchesOf } from '../src/batch.ts';
import { payloadOf } from '../src/payload.ts';
import { clientEvent, entry, lane, occupied } from './given.ts';

const max = { events: 20, bytes: 262_144 };

function laneOf(partition: number, events: readonly WebhookEvent[], timeMs = 1_000): ClaimedLane {
  return lane({ partition, entries: events.map((event) => entry(event, { timeMs })) });
}

function rooms(count: number): readonly WebhookEvent[] {
  return Array.from({ length: count }, (_, index) => occupied(`room-${index}`));
}

/** Per batch and lane: its partition and how many of its events. */
function shape(lanes: readonly ClaimedLane[], bounds = max): readonly (readonly string[])[] {
  return batchesOf(lanes, 'pusher', bounds).map((batch) =>
    batch.map(({ partition, entries }) => `${partition}:${entries.length}`),
  );
}

describe('Batches', () => {
  it('[WH11] lanes share a request up to its bound, and what does not fit makes another', () => {
    const sizes = [8, 8, 8, 4, 1];
    const lanes = sizes.map((size, partition) => laneOf(partition, rooms(size)));
    assert.deepEqual(shape(lanes), [
      ['0:8', '1:8', '3:4'],
      ['2:8', '4:1'],
    ]);
  });

  it('[WH11] a lane is in one request only, with its first events', () => {
    const events = rooms(25);
    const [batch] = batchesOf([laneOf(0, events)], 'pusher', max);
    assert.deepEqual(shape([laneOf(0, events)]), [['0:20']]);
    assert.deepEqual(
      batch?.[0]?.entries.map(({ event }) => event),
      events.slice(0, 20),
    );
  });

  it('[WH11] the lane whose events are oldest comes first', () => {
    const lanes = [laneOf(1, rooms(1), 300), laneOf(2, rooms(1), 100), laneOf(3, rooms(1), 200)];
    assert.deepEqual(shape(lanes), [['2:1', '3:1', '1:1']]);
  });

  it('[WH11] no body is longer than the bound, and none is cut shorter than need be', () => {
    const bounds = { events: 1_000, bytes: 10_000 };
    const events = Array.from({ length: 100 }, (_, at) => clientEvent('private-a', 'é'.repeat(at)));
    const lanes = events.map((event, partition) => laneOf(partition, [event]));
    const lengths = batchesOf([laneOf(0, events), ...lanes], 'pusher', bounds).map((batch) =>
      Buffer.byteLength(
        payloadOf(
          'hook',
          batch.flatMap(({ entries }) => entries),
          'pusher',
        ).body,
      ),
    );
    assert.ok(lengths.length > 1);
    for (const length of lengths) assert.ok(length <= bounds.bytes, `${length} bytes`);
    for (const length of lengths.slice(0, -1))
      assert.ok(length > bounds.bytes - 400, `${length} bytes, and more would have fitted`);
  });

  it('[WH11] an event that is longer than a request may be goes alone', () => {
    const events = [clientEvent('private-a', 'x'.repeat(2_000)), occupied('a')];
    assert.deepEqual(
      shape([laneOf(0, events), laneOf(1, rooms(1))], { events: 20, bytes: 1_000 }),
      [['0:1'], ['1:1']],
    );
  });

  it('[WH11] a lane without events is in no request', () => {
    assert.deepEqual(shape([laneOf(0, [])]), []);
  });

  it('[WH12] client events of encrypted channels share no request with others', () => {
    const secret = clientEvent('private-encrypted-a', 'encrypted_data:x:y');
    const mixed = [secret, secret, occupied('a'), secret];
    assert.deepEqual(shape([laneOf(0, mixed), laneOf(1, rooms(1)), laneOf(2, [secret])]), [
      ['0:2', '2:1'],
      ['1:1'],
    ]);
  });

  it('[WH12] other events of encrypted channels share none with those of open channels', () => {
    const about = occupied('private-encrypted-a');
    const secret = clientEvent('private-encrypted-a', 'encrypted_data:x:y');
    const lanes = [[about], rooms(1), [secret], [about], [occupied('x-private-encrypted-a')]];
    assert.deepEqual(shape(lanes.map((events, partition) => laneOf(partition, events))), [
      ['0:1', '3:1'],
      ['1:1', '4:1'],
      ['2:1'],
    ]);
  });
});
