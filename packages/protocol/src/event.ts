import { limits } from './limits.ts';

/** Names the server keeps for itself; a client or an API caller may not use them. */
export function isReservedEvent(name: string): boolean {
  return name.startsWith('pusher:') || name.startsWith('pusher_internal:');
}

export function isClientEvent(name: string): boolean {
  return name.startsWith('client-');
}

/** Any characters will do (Laravel sends `App\Events\OrderShipped`), only the length is bounded. */
export function isEventName(name: string): boolean {
  return name.length > 0 && name.length <= limits.eventNameChars;
}
