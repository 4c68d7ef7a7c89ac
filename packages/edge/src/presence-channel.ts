import type { JoinOutcome, Roster, RosterChange, Subject } from '@fanfare/core';
import {
  channelOfKey,
  memberAddedFrame,
  memberRemovedFrame,
  presenceSucceededFrame,
  type ChannelKey,
  type PresenceMember,
  type SocketId,
} from '@fanfare/protocol';
import { RosterView, type MemberEvent } from './roster-view.ts';

export type MemberSubject = Extract<Subject, { kind: 'member' }>;

/** What a presence channel needs of the edge around it. */
export interface PresenceLinks {
  changed(subject: Subject): void;
  join(subject: MemberSubject, info: string, membersMax: number): Promise<JoinOutcome>;
  /** To everybody here who is subscribed to the channel. */
  publish(channel: ChannelKey, frame: string): void;
  /** Changes were missed: the channel's roster has to be read and handed to `take`. */
  lost(channel: PresenceChannel): void;
}

/** A presence channel of which somebody here is or wants to be a member. */
export class PresenceChannel {
  readonly key: ChannelKey;
  readonly #links: PresenceLinks;
  readonly #view = new RosterView();
  readonly #users = new Map<SocketId, string>();

  constructor(key: ChannelKey, links: PresenceLinks) {
    this.key = key;
    this.#links = links;
  }

  get generation(): number {
    return this.#view.generation;
  }

  get isLost(): boolean {
    return this.#view.isLost;
  }

  /** Sockets here that were let in. */
  get size(): number {
    return this.#users.size;
  }

  /** Undefined for a socket that is not in. */
  userOf(id: SocketId): string | undefined {
    return this.#users.get(id);
  }

  /** Sockets here that hold the user in the channel. */
  count(user: string): number {
    return this.#view.seats(user);
  }

  info(user: string): string {
    return this.#view.info(user);
  }

  /** Everybody whom this edge holds in the channel. */
  users(): Iterable<string> {
    return this.#view.users();
  }

  /**
   * Resolves with false when the channel is full. A further socket of a user who is in by way of
   * this edge asks nobody.
   */
  async join(id: SocketId, member: PresenceMember, membersMax: number): Promise<boolean> {
    const { user, info } = member;
    const subject = this.#subject(user);
    this.#view.seat(member);
    if (this.#view.isAdmitted(user)) this.#links.changed(subject);
    else if (!(await this.#ask(subject, info, membersMax))) return false;
    this.#users.set(id, user);
    this.#links.changed({ kind: 'channel', channel: this.key });
    this.#tell(this.#view.admit(user));
    return true;
  }

  /** A socket that joined has left or has gone. */
  part(id: SocketId): void {
    const user = this.#users.get(id);
    if (user === undefined) throw new Error('the socket is not in the channel');
    this.#users.delete(id);
    this.#tell(this.#view.part(user));
    this.#links.changed(this.#subject(user));
    this.#links.changed({ kind: 'channel', channel: this.key });
  }

  /** The confirmation for a socket that joined. What is told later goes on from there. */
  succeededFrame(): string {
    return presenceSucceededFrame(channelOfKey(this.key), this.#view.visible);
  }

  onChange(change: RosterChange): void {
    this.#tell(this.#view.apply(change));
  }

  onGap(): void {
    this.#view.lose();
    this.#links.lost(this);
  }

  take(roster: Roster, generation: number): void {
    this.#tell(this.#view.take(roster, generation));
  }

  async #ask(subject: MemberSubject, info: string, membersMax: number): Promise<boolean> {
    const { generation } = this.#view;
    let outcome: JoinOutcome | undefined;
    try {
      outcome = await this.#links.join(subject, info, membersMax);
    } finally {
      if (outcome === undefined || outcome.full) {
        this.#view.unseat(subject.user);
        this.#links.changed(subject);
      }
    }
    if (outcome.full) return false;
    this.take(outcome.roster, generation);
    return true;
  }

  #subject(user: string): MemberSubject {
    return { kind: 'member', channel: this.key, user };
  }

  #tell(events: readonly MemberEvent[]): void {
    const name = channelOfKey(this.key);
    for (const event of events) {
      const frame = event.joined
        ? memberAddedFrame(name, event.member)
        : memberRemovedFrame(name, event.user);
      this.#links.publish(this.key, frame);
    }
    if (this.#view.isLost) this.#links.lost(this);
  }
}
