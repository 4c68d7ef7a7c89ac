import type { ChannelKey } from '@fanfare/protocol';
import type { Roster, RosterChange, Subject } from '../ports/state.ts';

interface Membership {
  sockets: number;
  info: string;
}

interface LiveRoster {
  version: number;
  readonly members: Map<string, Membership>;
}

type RosterChanged = (channel: ChannelKey, change: RosterChange) => void;

/** Who is in the presence channels of one partition, and who of its users is there at all, step by step. */
export class MemoryRosters {
  readonly #changed: RosterChanged;
  readonly #rosters = new Map<ChannelKey, LiveRoster>();
  #version = 0;

  constructor(changed: RosterChanged) {
    this.#changed = changed;
  }

  /** Of the last step of any of them. */
  get version(): number {
    return this.#version;
  }

  get(channel: ChannelKey): Roster {
    const live = this.#rosters.get(channel);
    if (live === undefined) return { version: 0, members: [] };
    const members = [...live.members].map(([user, { info }]) => ({ user, info }));
    return { version: live.version, members };
  }

  size(channel: ChannelKey): number {
    return this.#rosters.get(channel)?.members.size ?? 0;
  }

  hasMember(channel: ChannelKey, user: string): boolean {
    return this.#rosters.get(channel)?.members.has(user) === true;
  }

  /** How many sockets the member has now. */
  count(
    { channel, user }: Extract<Subject, { kind: 'member' }>,
    info: string,
    change: number,
    nowMs: number,
  ): number {
    const roster = this.#rosters.get(channel) ?? {
      version: 0,
      members: new Map<string, Membership>(),
    };
    this.#rosters.set(channel, roster);
    const member = roster.members.get(user) ?? { sockets: 0, info };
    member.sockets += change;
    if (member.sockets > 0 && member.sockets - change <= 0) {
      roster.members.set(user, member);
      this.#step(channel, roster, { joined: true, user, info: member.info }, nowMs);
    }
    if (member.sockets <= 0) {
      roster.members.delete(user);
      this.#step(channel, roster, { joined: false, user, info: '' }, nowMs);
      if (roster.members.size === 0) this.#rosters.delete(channel);
    }
    return member.sockets;
  }

  /** Whoever watches the user hears of it as of a roster that nobody is in. */
  stepUser(channel: ChannelKey, joined: boolean, nowMs: number): void {
    const version = this.#nextVersion(nowMs);
    this.#changed(channel, { from: 0, version, joined, user: '', info: '' });
  }

  /** Versions start from the clock and are the partition's, so that a roster that was forgotten in between never counts back. */
  #step(
    channel: ChannelKey,
    roster: LiveRoster,
    change: Pick<RosterChange, 'joined' | 'user' | 'info'>,
    nowMs: number,
  ): void {
    const from = roster.version;
    roster.version = this.#nextVersion(nowMs);
    this.#changed(channel, { from, version: roster.version, ...change });
  }

  #nextVersion(nowMs: number): number {
    this.#version = Math.max(this.#version + 1, nowMs * 1000);
    return this.#version;
  }
}
