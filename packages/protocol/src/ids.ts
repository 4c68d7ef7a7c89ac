import type { Brand } from './brand.ts';
import { limits } from './limits.ts';

/** Digits only: Python's, Go's and Swift's server SDKs accept nothing else. */
export type AppId = Brand<string, 'AppId'>;
export type AppKey = Brand<string, 'AppKey'>;
/** Two decimal integers joined by a dot; every server SDK checks this before it signs. */
export type SocketId = Brand<string, 'SocketId'>;

const APP_ID = /^\d{1,20}$/;
const APP_KEY = /^[A-Za-z0-9_-]{1,64}$/;
const SOCKET_ID = /^\d+\.\d+$/;
/** Ten digits each: 66 bits together, so that ids are neither guessed nor met twice in a cluster. */
const SOCKET_ID_PART = 10 ** 10;

export function parseAppId(input: string): AppId | undefined {
  return isAppId(input) ? input : undefined;
}

export function parseAppKey(input: string): AppKey | undefined {
  return isAppKey(input) ? input : undefined;
}

export function parseSocketId(input: string): SocketId | undefined {
  return isSocketId(input) ? input : undefined;
}

/** `random` gives numbers in [0, 1) that nobody can predict, for an id is half of what an auth signature covers. */
export function makeSocketId(random: () => number): SocketId {
  const part = (): string => String(Math.floor(random() * SOCKET_ID_PART));
  const id = `${part()}.${part()}`;
  if (!isSocketId(id)) throw new Error(`made a socket id that is none: ${id}`);
  return id;
}

function isAppId(input: string): input is AppId {
  return APP_ID.test(input);
}

function isAppKey(input: string): input is AppKey {
  return APP_KEY.test(input);
}

function isSocketId(input: string): input is SocketId {
  return input.length <= limits.socketIdChars && SOCKET_ID.test(input);
}
