import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createMemoryNetwork, type App, type MemoryState } from '@fanfare/core';
import type { Client, Frame } from './client.ts';
import {
  apps,
  authFor,
  keyOf,
  memoryState,
  startTestEdge,
  type EdgeUnderTest,
  type Setup,
  type StateOfTest,
} from './edge-under-test.ts';
import { within } from './inbox.ts';

export const ROOM = 'presence-r';

export interface Cluster extends AsyncDisposable {
  readonly one: EdgeUnderTest;
  readonly two: EdgeUnderTest;
  readonly store: MemoryState;
  /** Resolves when the store says so; it is asked again after everything that an edge tells it. */
  until(holds: () => Promise<boolean>, sentence: string): Promise<void>;
  /** The same, for how many subscriptions the store knows of. */
  untilCounted(subscriptions: number, name?: string, app?: App): Promise<void>;
  /** Lets the clock of the store run ahead. */
  later(ms: number): void;
}

/** What a test puts between an edge and the state. */
export type Around = (state: StateOfTest, edge: number) => StateOfTest;

/** Two edges over one network and one state. */
export async function startCluster(
  setup: Setup = {},
  around: Around = (state) => state,
): Promise<Cluster> {
  const network = createMemoryNetwork();
  let laterMs = 0;
  const memory = memoryState(() => Date.now() + laterMs);
  const { store } = memory;
  const told = new EventEmitter();
  const state: StateOfTest = { ...memory, store: telling(store, () => told.emit('told')) };
  const one = await startTestEdge({ network, ...setup, state: around(state, 0) });
  const two = await startTestEdge({ network, ...setup, state: around(state, 1) });
  const until: Cluster['until'] = async (holds, sentence) => {
    const search = async (): Promise<void> => {
      for (;;) {
        const next = once(told, 'told');
        if (await holds()) return;
        await next;
      }
    };
    await within(search(), `waited until ${sentence}`);
  };
  return {
    one,
    two,
    store,
    until,
    later(ms) {
      laterMs += ms;
    },
    async untilCounted(count, name = ROOM, app = apps.main) {
      await until(async () => {
        const [counts] = await store.counts([keyOf(name, app)]);
        return counts?.subscriptions === count;
      }, `the store knows of ${count} subscriptions`);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await one[Symbol.asyncDispose]();
      await two[Symbol.asyncDispose]();
    },
  };
}

function telling(store: MemoryState, onTold: () => void): MemoryState {
  const after =
    <Args extends readonly unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      const answer = await call(...args);
      onTold();
      return answer;
    };
  return {
    ...store,
    report: after(async (...args: Parameters<MemoryState['report']>) => store.report(...args)),
    join: after(async (...args: Parameters<MemoryState['join']>) => store.join(...args)),
    leave: after(async (...args: Parameters<MemoryState['leave']>) => store.leave(...args)),
  };
}

export function dataOf(user: string | number, info?: object): string {
  return JSON.stringify({ user_id: user, ...(info !== undefined && { user_info: info }) });
}

export function askFor(client: Client, channelData: string, options: AskOptions = {}): void {
  const { app = apps.main, channel = ROOM } = options;
  client.subscribe(channel, authFor(client.id, channel, { app, channelData }));
}

interface AskOptions {
  readonly app?: App;
  readonly channel?: string;
}

export interface Presence {
  readonly count: number;
  readonly ids: readonly string[];
  readonly hash: Readonly<Record<string, unknown>>;
}

/** Asks for a place and takes the confirmation. */
export async function joinAs(
  client: Client,
  user: string | number,
  info?: object,
  options: AskOptions = {},
): Promise<Presence> {
  askFor(client, dataOf(user, info), options);
  return presenceOf(await client.nextFrame());
}

export function presenceOf({ event, data }: Frame): Presence {
  assert.equal(event, 'pusher_internal:subscription_succeeded');
  return (JSON.parse(String(data)) as { presence: Presence }).presence;
}

/** The member event that has to come next. */
export async function nextMember(client: Client): Promise<readonly unknown[]> {
  const { event, channel, data } = await client.nextFrame();
  assert.equal(channel, ROOM);
  const { user_id: user, user_info: info } = JSON.parse(String(data)) as Record<string, unknown>;
  return event === 'pusher_internal:member_added' ? ['+', user, info] : [event, user];
}

export const REMOVED = 'pusher_internal:member_removed';

export async function membersIn(store: MemoryState, name = ROOM): Promise<readonly string[]> {
  return (await store.users(keyOf(name))).toSorted();
}
