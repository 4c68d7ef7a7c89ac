import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appLimitsSchema, type AppLimits } from '../src/index.ts';

/** Each limit with its default and the largest value; the smallest is 1. */
const bounds: Readonly<Record<keyof AppLimits, readonly [fallback: number | null, max: number]>> = {
  maxConnections: [null, 10_000_000],
  authorizationTimeoutSeconds: [30, 3_600],
  maxChannelsPerConnection: [1_000, 10_000],
  maxChannelNameChars: [200, 200],
  maxEventNameChars: [200, 200],
  maxEventBytes: [10_240, 262_144],
  maxClientEventsPerSecond: [10, 1_000_000],
  maxPresenceMembers: [100, 10_000],
  maxPresenceUserInfoBytes: [1_024, 16_384],
  maxChannelsPerTrigger: [100, 1_000],
  maxEventsPerBatch: [10, 1_000],
  maxTriggersPerSecond: [null, 1_000_000],
  maxReadsPerSecond: [null, 1_000_000],
};

/** What is said of the limits; nothing when they are accepted. */
function problems(given: Readonly<Record<string, unknown>>): readonly string[] {
  const result = appLimitsSchema.safeParse(given);
  return result.success ? [] : result.error.issues.map(({ message }) => message);
}

describe("An app's limits", () => {
  it('[LM1] without any of them given, all of them have defaults', () => {
    const defaults = Object.entries(bounds).map(([name, [fallback]]) => [name, fallback]);
    assert.deepEqual(appLimitsSchema.parse({}), Object.fromEntries(defaults));
  });

  for (const [name, [fallback, max]] of Object.entries(bounds))
    it(`[LM1] ${name} may be 1 to ${max}, and nothing beside`, () => {
      const none = fallback === null ? 'null or ' : '';
      const expected = `expected ${none}a whole number from 1 to ${max}`;
      // Alone it may be as large as that; with another one there may be less room.
      const small = name === 'maxEventBytes' ? { maxChannelsPerTrigger: 1 } : {};
      for (const value of [1, max]) assert.deepEqual(problems({ ...small, [name]: value }), []);
      for (const value of [0, -1, max + 1, 1.5, '5', NaN, Infinity, true, []])
        assert.deepEqual(problems({ ...small, [name]: value }), [expected], String(value));
      assert.deepEqual(problems({ [name]: null }), fallback === null ? [] : [expected]);
    });

  it('[LM2] a roster has to fit into one frame', () => {
    const maxPresenceUserInfoBytes = 16_128;
    assert.deepEqual(problems({ maxPresenceUserInfoBytes, maxPresenceMembers: 1_024 }), []);
    assert.deepEqual(problems({ maxPresenceUserInfoBytes, maxPresenceMembers: 1_025 }), [
      'expected fewer members or a smaller maxPresenceUserInfoBytes: a roster of all of them would have more than 16777216 bytes',
    ]);
  });

  it('[LM2] what one trigger publishes has to find room', () => {
    const maxEventBytes = 262_144;
    assert.deepEqual(problems({ maxEventBytes, maxChannelsPerTrigger: 40 }), []);
    assert.deepEqual(problems({ maxEventBytes, maxChannelsPerTrigger: 41 }), [
      'expected fewer channels or a smaller maxEventBytes: one trigger would publish more than 10485760 bytes',
    ]);
    assert.deepEqual(problems({ maxChannelsPerTrigger: 1_000 }), []);
  });
});
