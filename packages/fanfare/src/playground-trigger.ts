import type { App } from '@fanfare/core';
import { encodeEventData } from '@fanfare/protocol';
import { z } from 'zod';
import { signedTarget } from './signed-target.ts';

const triggerSchema = z.object({
  channel: z.string(),
  event: z.string(),
  data: z.unknown(),
  socket_id: z.string().optional(),
});

export interface ApiRequest {
  /** Path and signed query. */
  readonly target: string;
  readonly body: string;
}

/**
 * The request a backend would send for what the page asks, signed as its SDK would. Whether
 * channel, event and data are allowed is left to the API, whose words the page shows. Undefined
 * for a body that is no trigger.
 */
export function signedTrigger(app: App, body: string, nowMs: number): ApiRequest | undefined {
  const asked = triggerSchema.safeParse(parseJson(body));
  if (!asked.success) return undefined;
  const { channel, event, socket_id } = asked.data;
  const data = encodeEventData(asked.data.data);
  if (data === undefined) return undefined;
  const text = JSON.stringify({ name: event, channels: [channel], data, socket_id });
  const [pair] = app.keys;
  return { target: signedTarget(pair, `/apps/${app.id}/events`, text, nowMs), body: text };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is not JSON is no trigger either; the schema says so.
    return undefined;
  }
}
