import assert from 'node:assert/strict';
import {
  createMemoryState,
  stateTiming,
  type Incarnation,
  type MemoryState,
  type Share,
  type StateReader,
  type UserTerminator,
} from '@fanfare/core';
import { channelKey, parseAppId, parseChannelName, type ChannelKey } from '@fanfare/protocol';

/** The real state of one process; nobody is there until an edge says so. */
export function memoryState(): MemoryState {
  return createMemoryState({
    timing: stateTiming,
    nowMs: () => 0,
    newEpoch: () => 'epoch',
    rosterChanged() {},
  });
}

/** Who is in a channel: so many sockets, and on a presence channel so many of each user. */
export interface Occupancy {
  readonly sockets: number;
  readonly users?: Readonly<Record<string, number>>;
}

/** What reports to the state as an edge does. */
export interface Reporter {
  /** Absolute figures; a channel that is not named stays as it is. */
  report(channels: Readonly<Record<string, Occupancy>>, app?: string): Promise<void>;
  leave(): Promise<void>;
}

export async function openReporter(
  state: MemoryState,
  incarnation: Incarnation = 'edge-1',
): Promise<Reporter> {
  await state.register(0, incarnation);
  let version = 0;
  return {
    async report(channels, app = '3') {
      const after = version;
      version += 1;
      const shares = Object.entries(channels).flatMap(([name, occupancy]) =>
        sharesOf(keyOf(app, name), occupancy),
      );
      const reported = await state.report(0, incarnation, { version, after }, shares);
      assert.deepEqual(reported, { fenced: false, lost: false });
    },
    leave: () => state.leave(0, incarnation),
  };
}

/** A state to which one edge has reported this. */
export async function stateWith(
  channels: Readonly<Record<string, Occupancy>>,
): Promise<MemoryState> {
  const state = memoryState();
  const edge = await openReporter(state);
  await edge.report(channels);
  return state;
}

/** A state that cannot be read, or must not be. */
export function unreadable(error: Error): StateReader & UserTerminator {
  const read = async (): Promise<never> => {
    throw error;
  };
  return { counts: read, occupied: read, users: read, terminate: read };
}

function keyOf(app: string, name: string): ChannelKey {
  const [id, channel] = [parseAppId(app), parseChannelName(name, 'webman')];
  assert.ok(id !== undefined && channel !== undefined, `${app}/${name} is no channel`);
  return channelKey(id, channel);
}

function sharesOf(channel: ChannelKey, { sockets, users = {} }: Occupancy): readonly Share[] {
  const rest = { info: '', told: false, adopted: false };
  return [
    { subject: { kind: 'channel', channel }, count: sockets, ...rest },
    ...Object.entries(users).map(([user, count]): Share => ({
      subject: { kind: 'member', channel, user },
      count,
      ...rest,
    })),
  ];
}
