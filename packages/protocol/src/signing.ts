import type { ChannelName } from './channel.ts';
import type { SocketId } from './ids.ts';

/** `channelData` is the exact string received; writing it anew would change what was signed. */
export function channelStringToSign(
  socketId: SocketId,
  channel: ChannelName,
  channelData: string | undefined,
): string {
  const base = `${socketId}:${channel}`;
  return channelData === undefined ? base : `${base}:${channelData}`;
}

export function userStringToSign(socketId: SocketId, userData: string): string {
  return `${socketId}::user::${userData}`;
}

export type QueryParam = readonly [name: string, value: string];

/**
 * The text an API request's signature covers. Names are lower-cased and sorted, values stand as
 * they are, the values of one array parameter keep their order, and the signature itself is left
 * out. A parameter the caller signed stays in, whatever the method: Python signs `body_md5` on GETs.
 */
export function requestStringToSign(
  method: string,
  path: string,
  params: readonly QueryParam[],
): string {
  const signed = params
    .map(([name, value]): QueryParam => [name.toLowerCase(), value])
    .filter(([name]) => name !== 'auth_signature')
    .toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  return `${method.toUpperCase()}\n${path}\n${signed}`;
}

export interface Auth {
  readonly key: string;
  readonly signature: string;
}

/** Splits `key:signature` at the first colon. */
export function parseAuth(auth: string): Auth | undefined {
  const colon = auth.indexOf(':');
  if (colon === -1) return undefined;
  return { key: auth.slice(0, colon), signature: auth.slice(colon + 1) };
}
