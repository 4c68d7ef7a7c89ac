import { createHash } from 'node:crypto';
import {
  broadcastChannel,
  channelTraits,
  isUserChannel,
  type ChannelName,
  type Dialect,
} from '@fanfare/protocol';
import { z } from 'zod';
import type { App } from './app.ts';
import type { WebhookEvent } from './ports/outbox.ts';
import type { CountWish, Subject } from './ports/state.ts';

export type WebhookEventName = WebhookEvent['name'];

/** An address of the app's backend and what is told to it. */
export interface Webhook {
  /** Names its lanes in the store. It changes with all that decides which events are told, and how. */
  readonly id: string;
  readonly url: string;
  readonly events: readonly WebhookEventName[];
  /** Only of channels whose name begins and ends so; empty: of all. */
  readonly channels: { readonly prefix: string; readonly suffix: string };
  readonly headers: Readonly<Record<string, string>>;
  readonly dialect: Dialect;
}

const eventNames = [
  'channel_occupied',
  'channel_vacated',
  'member_added',
  'member_removed',
  'client_event',
  'cache_miss',
  'subscription_count',
] as const satisfies readonly WebhookEventName[];

/**
 * What a hook hears that does not say. Counts are many, and SDKs of typed languages fail on the
 * name: who wants them says so.
 */
const usualEventNames = eventNames.filter((name) => name !== 'subscription_count');

/** webman/push has no other; a receiver written for it need not know them. */
const webmanEventNames = usualEventNames.filter(
  (name) => name !== 'client_event' && name !== 'cache_miss',
);

/** Ours, in lower case: one that was set by hand would break what the receiver reads from it. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'content-type',
  'x-pusher-key',
  'x-pusher-signature',
  'idempotency-key',
  'x-webhook-attempt',
  'x-webhook-event-ids',
  'user-agent',
]);
/** Those of the connection, which `fetch` sets itself and refuses from others. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export const dialectSchema = z.enum(['pusher', 'webman']);

export const webhookUrlSchema = z.string('expected http:// or https:// and a host').refine(isHttp, {
  error: 'expected http:// or https:// and a host',
});

const headersSchema = z
  .record(z.string(), z.string())
  .superRefine((headers, context) => {
    for (const [name, value] of Object.entries(headers)) {
      const message = headerProblem(name, value);
      if (message !== undefined) context.addIssue({ code: 'custom', path: [name], message });
    }
  })
  .default({});

/** One entry of an app's `webhooks`. What it leaves out is completed by `webhookOf`. */
export const webhookSchema = z.strictObject({
  url: webhookUrlSchema,
  events: z.array(z.enum(eventNames)).min(1, 'expected at least one event').optional(),
  channels: z
    .strictObject({ prefix: z.string().default(''), suffix: z.string().default('') })
    .prefault({}),
  headers: headersSchema,
  dialect: dialectSchema.optional(),
});

/** The hook with its id and, where it says nothing, the dialect of its app. */
export function webhookOf(input: z.output<typeof webhookSchema>, appDialect: Dialect): Webhook {
  const { url, channels, headers, dialect = appDialect } = input;
  // As it was written: an event that we learn later must not give the hook another id.
  const written = JSON.stringify([url, input.events?.toSorted() ?? null, channels, dialect]);
  const id = createHash('sha256').update(written).digest('hex').slice(0, 12);
  const events = input.events ?? (dialect === 'webman' ? webmanEventNames : usualEventNames);
  return { id, url, events, channels, headers, dialect };
}

export function wants(hook: Webhook, { name, channel }: WebhookEvent): boolean {
  return hook.events.includes(name) && concerns(hook, channel);
}

/** Whether the app has a hook that hears of a channel, or of a member of it, coming or going. */
export function wantsExistence(app: App, kind: Subject['kind'], channel: string): boolean {
  const pair: readonly WebhookEventName[] =
    kind === 'channel'
      ? ['channel_occupied', 'channel_vacated']
      : ['member_added', 'member_removed'];
  return app.webhooks.some(
    (hook) => concerns(hook, channel) && pair.some((name) => hook.events.includes(name)),
  );
}

/** Whether the app has a hook that hears of such events of the channel. */
export function wantsEvent(
  app: App,
  name: 'client_event' | 'cache_miss' | 'subscription_count',
  channel: string,
): boolean {
  return app.webhooks.some((hook) => hook.events.includes(name) && concerns(hook, channel));
}

/**
 * Who hears how many subscriptions a channel has; undefined when nobody does. Members of presence
 * channels count by other events, and the Java SDK cannot read the frame on an encrypted channel.
 */
export function wantsCount(
  app: App,
  channel: ChannelName,
): Pick<CountWish, 'subscribers' | 'app'> | undefined {
  if (!app.subscriptionCount) return undefined;
  const { kind } = channelTraits(channel);
  if (kind === 'presence' || kind === 'user' || channel === broadcastChannel) return undefined;
  const subscribers = kind !== 'private-encrypted' || app.subscriptionCountOnEncrypted;
  const toApp = wantsEvent(app, 'subscription_count', channel);
  return subscribers || toApp ? { subscribers, app: toApp } : undefined;
}

/** A signed-in user's own channel is nobody's business: hosted Pusher tells nothing of it either. */
function concerns({ channels: { prefix, suffix } }: Webhook, channel: string): boolean {
  return channel.startsWith(prefix) && channel.endsWith(suffix) && !isUserChannel(channel);
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:\/\//i.test(text);
}

function headerProblem(name: string, value: string): string | undefined {
  const lower = name.toLowerCase();
  if (!HEADER_NAME.test(name)) return 'expected a header name of letters, digits and -';
  if (OWN_HEADERS.has(lower)) return 'expected a header other than those that Fanfare sets itself';
  if (CONNECTION_HEADERS.has(lower))
    return 'expected a header other than those of the connection itself';
  if (!HEADER_VALUE.test(value)) return 'expected a header value without control characters';
  return undefined;
}
