import assert from 'node:assert/strict';
import { parseAppId, parseChannelName, parseSocketId } from '../src/index.ts';
import type { AppId, ChannelName, SocketId } from '../src/index.ts';

export function appId(text: string): AppId {
  return required(parseAppId(text), text);
}

export function channelName(text: string): ChannelName {
  return required(parseChannelName(text), text);
}

export function socketId(text: string): SocketId {
  return required(parseSocketId(text), text);
}

function required<T>(value: T | undefined, text: string): T {
  assert.ok(value !== undefined, `the test gave a name that is none: ${text}`);
  return value;
}

/** Every character that UTF-16 can hold in one unit and that is in none of the given sets. */
export function charactersOutside(allowed: RegExp): readonly string[] {
  const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code));
  return all.filter((character) => !allowed.test(character));
}
