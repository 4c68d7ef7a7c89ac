import { parseAppId, parseAppKey, type AppId, type AppKey, type Dialect } from '@fanfare/protocol';
import { z } from 'zod';
import { appLimitsSchema, type AppLimits } from './app-limits.ts';
import { ORIGINS_MAX, originSchema } from './origin.ts';
import { dialectSchema, webhookOf, webhookSchema, type Webhook } from './webhook.ts';

/** One tenant of the cluster and everything that is decided per tenant. */
export interface App {
  readonly id: AppId;
  /** All are active; the first signs webhooks. Two at a time let a key be rotated. */
  readonly keys: readonly [KeyPair, ...KeyPair[]];
  readonly enabled: boolean;
  readonly clientEvents: boolean;
  /** Also tell a channel's own listeners that a subscription failed, by `pusher:subscription_error`. */
  readonly subscriptionErrors: boolean;
  /** Tell signed-in sockets of the users that they watch. */
  readonly watchlist: boolean;
  /** Tell the subscribers of a channel, presence channels excepted, how many they are. */
  readonly subscriptionCount: boolean;
  /** Also on encrypted channels, where the official Java client throws on it. */
  readonly subscriptionCountOnEncrypted: boolean;
  /** Close connections that have not shown in time whose they are. */
  readonly authorizedConnections: boolean;
  /** The origins of pages that may connect, in the form of `parseOrigin`; none: all of them. */
  readonly allowedOrigins: readonly string[];
  /** Which names channels and events may have, and what webhooks are called. */
  readonly dialect: Dialect;
  /** A trigger on the channel without a name reaches every connection, as webman/push has it. */
  readonly broadcastEmptyChannel: boolean;
  /** Sockets that do not read are closed, or get only the newest event of each name and channel when they do. */
  readonly slowConsumers: 'close' | 'latest';
  readonly limits: AppLimits;
  readonly webhooks: readonly Webhook[];
}

export interface KeyPair {
  readonly key: AppKey;
  readonly secret: string;
}

const parsed = <T>(parse: (input: string) => T | undefined, message: string) =>
  z.string(message).transform((input, context): T => {
    const value = parse(input);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', input, message });
    return z.NEVER;
  });

export const appIdSchema = parsed(
  parseAppId,
  'expected text of 1 to 20 digits, as Pusher SDKs require',
);
export const appKeySchema = parsed(parseAppKey, 'expected text of 1 to 64 letters, digits, - or _');
const SECRET = 'expected a secret, text that is not empty';
export const appSecretSchema = z.string(SECRET).min(1, SECRET);

export const appSchema = z
  .strictObject({
    id: appIdSchema,
    keys: z.tuple(
      [z.strictObject({ key: appKeySchema, secret: appSecretSchema })],
      z.strictObject({ key: appKeySchema, secret: appSecretSchema }),
    ),
    enabled: z.boolean().default(true),
    clientEvents: z.boolean().default(true),
    subscriptionErrors: z.boolean().default(true),
    watchlist: z.boolean().default(true),
    subscriptionCount: z.boolean().default(false),
    subscriptionCountOnEncrypted: z.boolean().default(false),
    authorizedConnections: z.boolean().default(false),
    allowedOrigins: z
      .array(originSchema)
      .max(ORIGINS_MAX, `expected at most ${ORIGINS_MAX} origins`)
      .default([]),
    dialect: dialectSchema.default('pusher'),
    broadcastEmptyChannel: z.boolean().default(false),
    slowConsumers: z.enum(['close', 'latest']).default('close'),
    limits: appLimitsSchema.prefault({}),
    webhooks: z.array(webhookSchema).default([]),
  })
  .transform((app, context) => {
    const webhooks = app.webhooks.map((hook) => webhookOf(hook, app.dialect));
    const ids = new Set<string>();
    for (const [index, { id }] of webhooks.entries()) {
      // Both would share one lane, and one of them would hear nothing.
      if (ids.has(id))
        context.addIssue({
          code: 'custom',
          path: ['webhooks', index],
          message: 'expected another url, events, channels or dialect than a webhook before it',
        });
      ids.add(id);
    }
    return { ...app, webhooks };
  });

/** The contents of `APPS_FILE`. No two apps share an id or a key. */
export const appsFileSchema = z
  .strictObject({ apps: z.array(appSchema).min(1, 'expected at least one app') })
  .superRefine(({ apps }, context) => {
    const ids = new Set<AppId>();
    const keys = new Set<AppKey>();
    const refuse = (path: readonly PropertyKey[], message: string): void =>
      context.addIssue({ code: 'custom', path: [...path], message });
    for (const [index, app] of apps.entries()) {
      if (ids.has(app.id)) refuse(['apps', index, 'id'], 'expected an id that no other app has');
      ids.add(app.id);
      for (const [place, { key }] of app.keys.entries()) {
        if (keys.has(key))
          refuse(['apps', index, 'keys', place, 'key'], 'expected a key that stands nowhere else');
        keys.add(key);
      }
    }
  });
