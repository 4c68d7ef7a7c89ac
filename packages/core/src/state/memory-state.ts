import { channelOfKey, type ChannelKey } from '@fanfare/protocol';
import type { Outbox } from '../ports/outbox.ts';
import type { RosterReader } from '../ports/roster-feed.ts';
import type { RosterChange, ShareReader, ShareStore, StateReader } from '../ports/state.ts';
import type { UserReader, UserTerminator } from '../ports/users.ts';
import { MemoryOutbox } from './memory-outbox.ts';
import { MemoryPartition } from './memory-partition.ts';
import { outboxLimits, type OutboxLimits, type StateTiming } from './timing.ts';

export interface MemoryStateOptions {
  readonly timing: StateTiming;
  readonly limits?: OutboxLimits;
  readonly nowMs: () => number;
  readonly newEpoch: () => string;
  readonly rosterChanged: (channel: ChannelKey, change: RosterChange) => void;
  /** Where nobody listens for counts, it may be left out. */
  readonly countTold?: (channel: ChannelKey, count: number) => void;
}

export type MemoryState = ShareStore &
  ShareReader &
  StateReader &
  RosterReader &
  UserReader &
  UserTerminator &
  Outbox;

/** The state of one process: a single partition behind the same ports as the cluster's. */
export function createMemoryState(options: MemoryStateOptions): MemoryState {
  const { nowMs, newEpoch, timing, limits = outboxLimits } = options;
  const outbox = new MemoryOutbox(0, limits);
  const partition = new MemoryPartition(timing, limits, {
    emit: (app, event, now) => outbox.append(app, event, now),
    rosterChanged: options.rosterChanged,
    countTold: (channel, count) => options.countTold?.(channel, count),
  });
  return {
    ...shareStore(partition, nowMs, newEpoch),
    ...stateReader(partition),
    roster: async (channel) => partition.roster(channel),
    online: async (users) => users.map((user) => partition.online(user)),
    terminations: async (users) => users.map((user) => partition.termination(user, nowMs())),
    terminate: async (user) => partition.terminate(user, nowMs()),
    ...outboxOf(partition, outbox, nowMs),
    partitions: 1,
  };
}

function shareStore(
  partition: MemoryPartition,
  nowMs: () => number,
  newEpoch: () => string,
): Omit<ShareStore & ShareReader, 'partitions'> {
  return {
    partitionOf: () => 0,
    register: async (_, incarnation) => partition.register(incarnation, newEpoch(), nowMs()),
    heartbeat: async (_, incarnation) => partition.heartbeat(incarnation, nowMs()),
    async tend() {
      const tended = partition.tend(nowMs());
      const now = nowMs();
      return { ...tended, tendInMs: partition.tendInMs(now), tellInMs: partition.tellInMs(now) };
    },
    report: async (_, incarnation, revision, shares) =>
      partition.report(incarnation, revision, shares, nowMs()),
    join: async (_, incarnation, revision, request) =>
      partition.join(incarnation, revision, request, nowMs()),
    elsewhere: async (_, incarnation, channels) =>
      channels.map((channel) => partition.subscriptions(channel, incarnation)),
    held: async (_, incarnation, version) => partition.held(incarnation, version),
    leave: async (_, incarnation) => partition.leave(incarnation, nowMs()),
  };
}

function stateReader(partition: MemoryPartition): StateReader {
  return {
    counts: async (channels) =>
      channels.map((channel) => ({
        subscriptions: partition.subscriptions(channel),
        users: partition.roster(channel).members.length,
      })),
    occupied: async (app, prefix) => partition.occupied(app, prefix).map(channelOfKey),
    users: async (channel) => partition.roster(channel).members.map(({ user }) => user),
  };
}

function outboxOf(
  partition: MemoryPartition,
  outbox: MemoryOutbox,
  nowMs: () => number,
): Omit<Outbox, 'partitions'> {
  return {
    async append(_, app, event, amid = []) {
      if (outbox.isOutOfRoom(app)) return 'full';
      if (!amid.every((subject) => partition.isAnnounced(subject))) return 'early';
      return outbox.append(app, event, nowMs()) ? 'taken' : 'full';
    },
    async poll(_, wanted) {
      const tended = partition.poll(nowMs());
      const lanes = outbox.claim(wanted, nowMs());
      return { nowMs: nowMs(), tended, lanes, unrouted: outbox.unrouted(wanted.unrouted) };
    },
    route: async (_, from, routings) => outbox.route(from, routings, nowMs()),
    renew: async (lane, leaseMs) => outbox.renew(lane, leaseMs, nowMs()),
    acknowledge: async (lane) => outbox.acknowledge(lane, nowMs()),
    postpone: async (lane, delayMs) => outbox.postpone(lane, delayMs, nowMs()),
    abandon: async (lane, reason) => outbox.abandon(lane, reason, nowMs()),
    release: async (lane, delayMs = 0) => outbox.release(lane, delayMs, nowMs()),
    backlog: async () => outbox.backlog(),
    deadLanes: async () => outbox.deadLanes(),
    replay: async (_, from, to, max) => outbox.replay(from, to, max, nowMs()),
    deadLetters: async (_, app, hook, max) => outbox.deadLetters(app, hook, max),
  };
}
