import { limits, parseAppId, parseAppKey, type AppId, type AppKey } from '@fanfare/protocol';
import { z } from 'zod';

/** One tenant of the cluster and everything that is decided per tenant. */
export interface App {
  readonly id: AppId;
  /** All are active; the first signs webhooks. Two at a time let a key be rotated. */
  readonly keys: readonly [KeyPair, ...KeyPair[]];
  readonly enabled: boolean;
  readonly clientEvents: boolean;
  /** Also tell a channel's own listeners that a subscription failed, by `pusher:subscription_error`. */
  readonly subscriptionErrors: boolean;
  readonly limits: AppLimits;
}

export interface KeyPair {
  readonly key: AppKey;
  readonly secret: string;
}

export interface AppLimits {
  readonly maxEventBytes: number;
  readonly maxClientEventsPerSecond: number;
  readonly maxChannelsPerConnection: number;
}

const parsed = <T>(parse: (input: string) => T | undefined, expected: string) =>
  z.string().transform((input, context): T => {
    const value = parse(input);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', input, message: `expected ${expected}` });
    return z.NEVER;
  });

export const appIdSchema = parsed(parseAppId, 'digits only, as Pusher SDKs require');
export const appKeySchema = parsed(parseAppKey, '1 to 64 letters, digits, - or _');
export const appSecretSchema = z.string().min(1, 'expected a secret, it is empty');

const count = (fallback: number) => z.int().min(1).default(fallback);

const appLimitsSchema = z.strictObject({
  maxEventBytes: count(limits.eventDataBytes),
  maxClientEventsPerSecond: count(limits.clientEventsPerSecond),
  maxChannelsPerConnection: count(limits.channelsPerConnection),
});

export const appSchema = z.strictObject({
  id: appIdSchema,
  keys: z.tuple(
    [z.strictObject({ key: appKeySchema, secret: appSecretSchema })],
    z.strictObject({ key: appKeySchema, secret: appSecretSchema }),
  ),
  enabled: z.boolean().default(true),
  clientEvents: z.boolean().default(true),
  subscriptionErrors: z.boolean().default(true),
  limits: appLimitsSchema.prefault({}),
});

/** The contents of `APPS_FILE`. No two apps share an id or a key. */
export const appsFileSchema = z
  .strictObject({ apps: z.array(appSchema).min(1, 'expected at least one app') })
  .superRefine(({ apps }, context) => {
    const ids: readonly string[] = apps.map((app) => app.id);
    const keys: readonly string[] = apps.flatMap((app) => app.keys.map((pair) => pair.key));
    for (const [what, values] of [
      ['id', ids],
      ['key', keys],
    ] as const) {
      const repeated = values.find((value, index) => values.indexOf(value) !== index);
      if (repeated === undefined) continue;
      context.addIssue({
        code: 'custom',
        message: `the app ${what} ${repeated} stands there twice`,
      });
    }
  });
