import {
  LANE_FULL,
  replayLane,
  subjectKey,
  type Appended,
  type ClaimedLane,
  type DeadLane,
  type Outbox,
} from '@fanfare/core';
import { deadLettersKey } from './keys.ts';
import { parseDeadLetter, parseLaneName, parsePolled, streamId } from './outbox-reply.ts';
import { PARTITIONS } from './partitions.ts';
import { asList, asNumber, asPairs } from './reply.ts';
import type { Replication } from './replication.ts';
import type { Script } from './script.ts';
import type { StateCaller } from './state-caller.ts';

const DEAD_LETTERS_MS = 30 * 86_400_000;

/** What the script answers. */
const APPENDED: readonly Appended[] = ['full', 'taken', 'early'];

/** Without a `replication` nothing that is delivered is asked for among replicas first. */
export function createRedisOutbox(caller: StateCaller, replication?: Replication): Outbox {
  return {
    partitions: PARTITIONS,
    ...eventsOf(caller),
    ...lanesOf(caller),
    ...upkeepOf(caller, replication),
  };
}

type Events = Pick<Outbox, 'append' | 'poll' | 'route'>;

function eventsOf(caller: StateCaller): Events {
  const { scripts, limits } = caller.options;
  return {
    async append(partition, app, event, amid = []) {
      const args = [app, JSON.stringify(event), ...amid.map(subjectKey)];
      const reply = asNumber(await caller.decide(scripts.append, partition, ...args));
      return APPENDED[reply] ?? 'full';
    },

    async poll(partition, { token, leaseMs, lanes, entries, unrouted }) {
      const args = [token, leaseMs, lanes, entries, unrouted];
      const reply = await caller.tend(scripts.poll, partition, ...args);
      return parsePolled(partition, token, reply);
    },

    async route(partition, { app, entries }, routings) {
      const [first, last] = [entries[0], entries.at(-1)];
      if (first === undefined || last === undefined) return [];
      const wishes = routings.flatMap(({ hook, entries: wanted }) => [
        hook,
        wanted.length,
        ...wanted.map(({ id }) => streamId(id)),
      ]);
      const range = [streamId(first.id), streamId(last.id)];
      const { laneEvents, gatherMs, deadLetters } = limits;
      const late = [LANE_FULL, deadLetters, DEAD_LETTERS_MS];
      const args = [app, ...range, laneEvents, gatherMs, ...late, ...wishes];
      return parseDeadLanes(await caller.call(scripts.route, partition, ...args));
    },
  };
}

type Lanes = Pick<Outbox, 'renew' | 'acknowledge' | 'abandon' | 'postpone' | 'release'>;

function lanesOf(caller: StateCaller): Lanes {
  const { scripts, limits } = caller.options;
  /** A script about a claimed lane, which says whether the claim still stood. */
  const about = async (
    { partition, app, hook, token }: ClaimedLane,
    script: Script,
    ...args: readonly (string | number)[]
  ): Promise<boolean> =>
    asNumber(await caller.call(script, partition, `${app}/${hook}`, token, ...args)) === 1;
  const finish = async (lane: ClaimedLane, reason: string): Promise<boolean> => {
    const last = lane.entries.at(-1);
    if (last === undefined) return true;
    const args = [streamId(last.id), reason, limits.deadLetters, DEAD_LETTERS_MS];
    return about(lane, scripts.finish, ...args);
  };
  return {
    renew: (lane, leaseMs) => about(lane, scripts.renew, leaseMs),
    acknowledge: (lane) => finish(lane, ''),
    abandon: (lane, reason) => finish(lane, reason === '' ? 'no reason' : reason),
    postpone: (lane, delayMs) => about(lane, scripts.return, delayMs, 1),
    async release(lane, delayMs = 0) {
      await about(lane, scripts.return, delayMs, 0);
    },
  };
}

type Upkeep = Omit<Outbox, 'partitions' | keyof Events | keyof Lanes>;

function upkeepOf(caller: StateCaller, replication: Replication | undefined): Upkeep {
  const { scripts, limits } = caller.options;
  return {
    // It goes over the connection of the claim, and so waits for all that the claim has seen.
    ...(replication !== undefined && {
      settle: async () => replication.settle(),
      mustSettle: replication.isStrict,
    }),

    async backlog(partition) {
      const reply = asList(await caller.call(scripts.backlog, partition));
      const [unrouted, lanes, events, oldest, deadLetters] = reply;
      return {
        unrouted: asNumber(unrouted),
        lanes: asNumber(lanes),
        events: asNumber(events),
        oldestMs: oldest === null ? undefined : asNumber(oldest),
        deadLetters: asNumber(deadLetters),
      };
    },

    async deadLanes(partition) {
      return parseDeadLanes(await caller.call(scripts.deadLanes, partition));
    },

    async deadLetters(partition, app, hook, max) {
      const key = deadLettersKey(partition, app, hook);
      const [reply] = await caller.pipeline((pipeline) =>
        pipeline.xrevrange(key, '+', '-', 'COUNT', max),
      );
      return asList(reply)
        .map((entry) => parseDeadLetter(partition, entry))
        .toReversed();
    },

    async replay(partition, { app, hook }, to, max) {
      const args = [`${app}/${hook}`, `${app}/${replayLane(to)}`, max, limits.gatherMs];
      return asNumber(await caller.call(scripts.replay, partition, ...args));
    },
  };
}

function parseDeadLanes(reply: unknown): readonly DeadLane[] {
  return asPairs(reply).map(([name, letters]) => ({
    ...parseLaneName(name),
    letters: asNumber(letters),
  }));
}
