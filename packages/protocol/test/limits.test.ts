import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../src/index.ts';

/** A control character takes one byte, and six as JSON writes it: the most any byte can grow. */
const WORST = '\u0001';

describe('Limits', () => {
  // The rules say the numbers to users, who find them in Pusher's documentation too.
  const told: readonly (readonly [rule: string, limit: keyof typeof limits, value: number])[] = [
    ['NM1', 'channelNameChars', 200],
    ['NM4', 'eventNameChars', 200],
    ['FR6', 'clientFrameBytes', 64 * 1024],
    ['CN13', 'closeReasonBytes', 123],
    ['CE6', 'clientEventsPerSecond', 10],
    ['CE7', 'eventDataBytes', 10 * 1024],
    ['PS2', 'presenceUserIdChars', 128],
    ['PS3', 'presenceUserInfoBytes', 1024],
    ['PS8', 'presenceMembers', 100],
  ];
  for (const [rule, limit, value] of told)
    it(`[${rule}] ${limit} is ${value}`, () => assert.equal(limits[limit], value));

  it('[NM4] the largest client event that is allowed fits into the largest frame, however it is escaped', () => {
    const frame = JSON.stringify({
      event: `client-${WORST.repeat(limits.eventNameChars - 'client-'.length)}`,
      channel: `private-${'a'.repeat(limits.channelNameChars - 'private-'.length)}`,
      data: WORST.repeat(limits.eventDataBytes),
    });
    assert.ok(Buffer.byteLength(frame) <= limits.clientFrameBytes, `${frame.length} bytes`);
  });
});
