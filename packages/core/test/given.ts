import assert from 'node:assert/strict';
import {
  channelKey,
  parseAppId,
  parseAppKey,
  parseChannelName,
  parseSocketId,
  type AppId,
  type AppKey,
  type ChannelKey,
  type SocketId,
} from '@fanfare/protocol';
import { SettingsError, type BusMessage } from '../src/index.ts';

export function appId(text: string): AppId {
  return required(parseAppId(text), text);
}

export function appKey(text: string): AppKey {
  return required(parseAppKey(text), text);
}

export function socketId(text: string): SocketId {
  return required(parseSocketId(text), text);
}

/** A channel of app 1001. */
export function channel(name: string): ChannelKey {
  return channelKey(appId('1001'), required(parseChannelName(name), name));
}

/** How long anything may take before the test fails; what we wait for takes milliseconds, a child process seconds when the machine is busy. */
const PATIENCE_MS = 30_000;

/** Waits for what must happen; fails with a sentence when it does not. */
export async function inTime<T>(expected: PromiseLike<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} did not happen within ${PATIENCE_MS} ms`)),
      PATIENCE_MS,
    );
  });
  try {
    return await Promise.race([expected, late]);
  } finally {
    clearTimeout(timer);
  }
}

let messages = 0;

export function message(part: Partial<BusMessage>): BusMessage {
  messages += 1;
  return {
    channel: channel('lobby'),
    frame: `frame ${messages}`,
    except: null,
    id: `id-${messages}`,
    recorded: true,
    once: false,
    ...part,
  };
}

/** What a `SettingsError` says; fails when nothing is thrown. */
export async function problemsOf(act: () => unknown): Promise<readonly string[]> {
  try {
    await act();
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  throw new assert.AssertionError({ message: 'expected a SettingsError, nothing was thrown' });
}

function required<T>(value: T | undefined, text: string): T {
  assert.ok(value !== undefined, `the test gave a name that is none: ${text}`);
  return value;
}
