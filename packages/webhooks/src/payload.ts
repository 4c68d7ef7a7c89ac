import { createHash } from 'node:crypto';
import { sign, type App, type OutboxEntry, type WebhookEvent } from '@fanfare/core';
import type { Dialect } from '@fanfare/protocol';

/** A request's content, the same in every attempt. */
export interface Payload {
  readonly body: string;
  /** The receiver knows a repeated request by it. */
  readonly idempotencyKey: string;
  readonly eventIds: readonly string[];
}

const webmanNames: Readonly<Record<WebhookEvent['name'], string>> = {
  channel_occupied: 'channel_added',
  channel_vacated: 'channel_removed',
  member_added: 'user_added',
  member_removed: 'user_removed',
  client_event: 'client_event',
  cache_miss: 'cache_miss',
  subscription_count: 'subscription_count',
};

/** The event as it stands in a body. All values but a count are text: SDKs of typed languages read nothing else. */
export function eventJson(event: WebhookEvent, dialect: Dialect): string {
  return JSON.stringify(dialect === 'webman' ? { ...event, name: webmanNames[event.name] } : event);
}

export function payloadOf(
  hook: string,
  entries: readonly OutboxEntry[],
  dialect: Dialect,
): Payload {
  const eventIds = entries.map(({ id }) => id);
  const events = entries.map(({ event }) => eventJson(event, dialect));
  const timeMs = Math.trunc(entries[0]?.timeMs ?? 0);
  return {
    body: `{"time_ms":${timeMs},"events":[${events.join(',')}]}`,
    idempotencyKey: createHash('sha256')
      .update([hook, ...eventIds].join('\n'))
      .digest('hex')
      .slice(0, 32),
    eventIds,
  };
}

/** `attempt` counts from 1. */
export function headersOf(
  payload: Payload,
  app: App,
  extra: Readonly<Record<string, string>>,
  attempt: number,
): Readonly<Record<string, string>> {
  // The first key is the oldest: while keys are rotated, receivers know it already.
  const [{ key, secret }] = app.keys;
  return {
    ...extra,
    // Exactly this: the SDKs of Node and Ruby refuse it with a charset behind.
    'Content-Type': 'application/json',
    'X-Pusher-Key': key,
    'X-Pusher-Signature': sign(secret, payload.body),
    'Idempotency-Key': payload.idempotencyKey,
    'X-Webhook-Attempt': String(attempt),
    'X-Webhook-Event-Ids': payload.eventIds.join(','),
    'User-Agent': 'fanfare',
  };
}
