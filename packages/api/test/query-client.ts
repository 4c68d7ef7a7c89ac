import assert from 'node:assert/strict';
import type { StateReader } from '@fanfare/core';
import { harness, type Reply } from './harness.ts';
import { stateWith } from './memory-state.ts';

/** What is there where a test says nothing else. */
export const OCCUPIED = {
  'presence-room': { sockets: 3, users: { '1': 2, '2': 1 } },
  'presence-cache-room': { sockets: 1, users: { '7': 1 } },
  'private-room': { sockets: 2 },
  lobby: { sockets: 1 },
};

type Params = Readonly<Record<string, string>>;

/** The answer to a GET below `/apps/3`. */
export async function get(path: string, params: Params = {}, state?: StateReader): Promise<Reply> {
  const { send, defects } = harness({ state: state ?? (await stateWith(OCCUPIED)) });
  const reply = await send({ method: 'GET', path: `/apps/3${path}`, params });
  assert.deepEqual(defects, []);
  return reply;
}

export function unknownAttribute(name: string, known: string): string {
  return `Invalid info attribute "${name}": info should be a comma separated list of attributes out of ${known}`;
}
