import { isFreeName, type Dialect } from './dialect.ts';
import { limits } from './limits.ts';

/** Names the server keeps for itself; a client or an API caller may not use them. */
export function isReservedEvent(name: string): boolean {
  return name.startsWith('pusher:') || name.startsWith('pusher_internal:');
}

export function isClientEvent(name: string): boolean {
  return name.startsWith('client-');
}

/**
 * An event's `data` as it goes out: a string as received, anything else as JSON, for SDKs of
 * compiled languages expect a string whatever the sender made of it. Undefined for what is nested
 * too deeply: JSON.parse reads any depth, but JSON.stringify runs out of stack.
 */
export function encodeEventData(data: unknown): string | undefined {
  if (typeof data === 'string') return data;
  try {
    return JSON.stringify(data);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Any characters will do (Laravel sends `App\Events\OrderShipped`), only the length is bounded. */
export function isEventName(
  name: string,
  dialect: Dialect = 'pusher',
  maxChars: number = limits.eventNameChars,
): boolean {
  if (dialect === 'webman') return isFreeName(name, maxChars);
  return name.length > 0 && name.length <= maxChars;
}
