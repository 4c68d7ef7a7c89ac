import { limits } from '@fanfare/protocol';
import { z } from 'zod';

/** What one app may use. docs/limits.md says what each of them means and who is told what beyond it. */
export interface AppLimits {
  /** Open connections of the whole cluster; null: as many as there is room for. */
  readonly maxConnections: number | null;
  /** Seconds in which a connection must authorize itself, where the app asks for that. */
  readonly authorizationTimeoutSeconds: number;
  readonly maxChannelsPerConnection: number;
  readonly maxChannelNameChars: number;
  readonly maxEventNameChars: number;
  /** Of one event's data, whoever sends it. */
  readonly maxEventBytes: number;
  readonly maxClientEventsPerSecond: number;
  readonly maxPresenceMembers: number;
  readonly maxPresenceUserInfoBytes: number;
  readonly maxChannelsPerTrigger: number;
  readonly maxEventsPerBatch: number;
  /** Events by the HTTP API in a second, in the whole cluster; null: any number. */
  readonly maxTriggersPerSecond: number | null;
  /** Questions to the HTTP API in a second, in the whole cluster; null: any number. */
  readonly maxReadsPerSecond: number | null;
}

const upTo = (max: number, fallback: number) => {
  const expected = `expected a whole number from 1 to ${max}`;
  return z.int(expected).min(1, expected).max(max, expected).default(fallback);
};

const upToOrNone = (max: number) => {
  const expected = `expected null or a whole number from 1 to ${max}`;
  return z.int(expected).min(1, expected).max(max, expected).nullable().default(null);
};

/** A member's id and what stands around it in a roster, beside the `user_info`. */
const MEMBER_BYTES = 256;
/** A roster is one frame, made for everybody who joins. */
const ROSTER_BYTES = 16_777_216;
/**
 * What one trigger may publish. Escaped at its worst, which makes each byte six, it still is no
 * more than may wait for Redis at once; a larger one could never be sent.
 */
const TRIGGER_BYTES = 10_485_760;

/** Upper bounds are what the limits of a frame, a request body and a pipeline leave room for. */
export const appLimitsSchema = z
  .strictObject({
    maxConnections: upToOrNone(10_000_000),
    authorizationTimeoutSeconds: upTo(3_600, limits.authorizationTimeoutSeconds),
    maxChannelsPerConnection: upTo(10_000, limits.channelsPerConnection),
    maxChannelNameChars: upTo(limits.channelNameChars, limits.channelNameChars),
    maxEventNameChars: upTo(limits.eventNameChars, limits.eventNameChars),
    maxEventBytes: upTo(262_144, limits.eventDataBytes),
    maxClientEventsPerSecond: upTo(1_000_000, limits.clientEventsPerSecond),
    maxPresenceMembers: upTo(10_000, limits.presenceMembers),
    maxPresenceUserInfoBytes: upTo(16_384, limits.presenceUserInfoBytes),
    maxChannelsPerTrigger: upTo(1_000, limits.channelsPerTrigger),
    maxEventsPerBatch: upTo(1_000, limits.eventsPerBatch),
    maxTriggersPerSecond: upToOrNone(1_000_000),
    maxReadsPerSecond: upToOrNone(1_000_000),
  })
  .superRefine((app, context) => {
    const refuse = (name: keyof AppLimits, message: string): void =>
      context.addIssue({ code: 'custom', path: [name], message });
    const { maxPresenceMembers: members, maxPresenceUserInfoBytes: infoBytes } = app;
    if (members * (infoBytes + MEMBER_BYTES) > ROSTER_BYTES)
      refuse(
        'maxPresenceMembers',
        `expected fewer members or a smaller maxPresenceUserInfoBytes: a roster of all of them would have more than ${ROSTER_BYTES} bytes`,
      );
    if (app.maxChannelsPerTrigger * app.maxEventBytes > TRIGGER_BYTES)
      refuse(
        'maxChannelsPerTrigger',
        `expected fewer channels or a smaller maxEventBytes: one trigger would publish more than ${TRIGGER_BYTES} bytes`,
      );
  });
