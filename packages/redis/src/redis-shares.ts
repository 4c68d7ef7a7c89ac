import { randomBytes } from 'node:crypto';
import {
  parseSubjectKey,
  subjectKey,
  type Beat,
  type CountWish,
  type Held,
  type Incarnation,
  type Joined,
  type Registered,
  type Reported,
  type Revision,
  type Roster,
  type Share,
  type ShareStore,
} from '@fanfare/core';
import { asTended } from './outbox-reply.ts';
import { PARTITIONS, partitionOf } from './partitions.ts';
import { asList, asNumber, asPairs, asText } from './reply.ts';
import type { StateCaller } from './state-caller.ts';

const fenced = { fenced: true } as const;

export function createRedisShares(caller: StateCaller): ShareStore {
  const { scripts, timing, limits } = caller.options;
  return {
    partitions: PARTITIONS,
    partitionOf,

    async register(partition, incarnation): Promise<Registered> {
      const { leaseMs, graceMs } = timing;
      const args = [incarnation, leaseMs, newEpoch(), graceMs];
      const reply = await caller.call(scripts.register, partition, ...args);
      return reply === null ? fenced : { fenced: false, epoch: asText(reply) };
    },

    async heartbeat(partition, incarnation): Promise<Beat> {
      const { leaseMs, guardMs, tombstoneMs } = timing;
      const args = [incarnation, leaseMs, guardMs, tombstoneMs];
      const reply = await caller.call(scripts.heartbeat, partition, ...args);
      if (reply === null) return fenced;
      const [epoch, version, tendInMs] = asList(reply);
      return {
        fenced: false,
        epoch: asText(epoch),
        version: asNumber(version),
        tendInMs: asDelay(tendInMs),
      };
    },

    async tend(partition) {
      const reply = asList(await caller.tend(scripts.tend, partition));
      return { ...asTended(reply), tendInMs: asDelay(reply[3]), tellInMs: asDelay(reply[4]) };
    },

    async report(partition, incarnation, revision, shares): Promise<Reported> {
      const args = [...head(incarnation, revision), ...shares.flatMap(shareArguments)];
      const reply = await caller.decide(scripts.report, partition, ...args);
      if (reply === null) return fenced;
      if (!Array.isArray(reply)) return { fenced: false, lost: asNumber(reply) === 0 };
      const [firstMs = 0, lastMs = 0] = asList(reply).map(asNumber);
      return { fenced: false, lost: false, tellsIn: { firstMs, lastMs } };
    },

    async join(partition, incarnation, revision, request): Promise<Joined> {
      const { channel, member, membersMax } = request;
      const shares = [channel, member].flatMap(shareArguments);
      const args = [...head(incarnation, revision), membersMax, ...shares];
      const reply = await caller.decide(scripts.join, partition, ...args);
      if (reply === null) return fenced;
      if (reply === 0) return { fenced: false, lost: true };
      if (reply === 1) return { fenced: false, lost: false, full: true };
      return { fenced: false, lost: false, full: false, roster: parseRoster(reply) };
    },

    async held(partition, incarnation, version): Promise<Held> {
      const reply = await caller.call(scripts.held, partition, incarnation, version);
      if (reply === null) return fenced;
      const shares = asPairs(reply)
        .filter(([key]) => key !== VERSION)
        .map(([key, count]) => ({ subject: parseSubjectKey(key), count: asNumber(count) }));
      return { fenced: false, shares };
    },

    async leave(partition, incarnation): Promise<void> {
      for (let before = Infinity; before > 0;) {
        const { leave } = scripts;
        // oxlint-disable-next-line no-await-in-loop -- each step takes what the one before has left
        const reply = await caller.decide(leave, partition, incarnation, limits.reapShares);
        const left = asNumber(reply);
        // Whatever it is that stays, whoever tends the partition is told the same.
        if (left >= before) return;
        before = left;
      }
    },
  };
}

/** -1 stands for never. */
function asDelay(reply: unknown): number {
  const ms = asNumber(reply);
  return ms < 0 ? Infinity : ms;
}

/** Among subjects, which all begin with a letter. */
const VERSION = '@v';

function head(
  incarnation: Incarnation,
  { version, after }: Revision,
): readonly [string, number, number] {
  return [incarnation, version, after];
}

function shareArguments({
  subject,
  count,
  info,
  told,
  adopted,
  wish,
}: Share): readonly (string | number)[] {
  const flags = (told ? 1 : 0) + (adopted ? 2 : 0) + wishFlags(wish);
  return [subjectKey(subject), count, info, flags];
}

function wishFlags(wish: CountWish | undefined): number {
  if (wish === undefined) return 0;
  return (wish.subscribers ? 4 : 0) + (wish.app ? 8 : 0) + (wish.asked ? 16 : 0);
}

export function parseRoster(reply: unknown): Roster {
  const [version, users, infos] = asList(reply);
  const infoOf = new Map(asPairs(infos).map(([user, info]) => [user, asText(info)]));
  const members = asList(users)
    .map(asText)
    .map((user) => ({ user, info: infoOf.get(user) ?? '' }));
  return { version: asNumber(version), members };
}

function newEpoch(): string {
  return randomBytes(9).toString('base64url');
}
