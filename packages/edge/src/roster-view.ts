import type { Roster, RosterChange } from '@fanfare/core';
import type { PresenceMember } from '@fanfare/protocol';

/** What the subscribers here are to be told. */
export type MemberEvent =
  | { readonly joined: true; readonly member: PresenceMember }
  | { readonly joined: false; readonly user: string };

/** Sockets of one user here: those that hold a seat, and those of them that were let in. */
interface LocalMember {
  info: string;
  seats: number;
  admitted: number;
}

/** Changes kept while a roster is awaited; with more of them, a new one is asked for. */
const CHANGES_MAX = 1_000;

/**
 * A presence channel as its subscribers on this edge see it: the members that the store knows and
 * those who are here. Every method returns what has to be told to them, so that each of them always
 * knows exactly `visible`. Whoever is here counts as in, also while the store has lost sight of this
 * edge: so nobody is told of their own coming or going.
 */
export class RosterView {
  readonly #members = new Map<string, string>();
  readonly #locals = new Map<string, LocalMember>();
  #version = 0;
  /** No roster was taken yet. */
  #blank = true;
  /** Changes wait for a roster that was read in this generation. */
  #waiting: RosterChange[] | undefined = [];
  #generation = 0;

  /** To be noted before a roster is asked for and handed in with it. */
  get generation(): number {
    return this.#generation;
  }

  /** Changes were missed: a roster has to be asked for. */
  get isLost(): boolean {
    return this.#waiting !== undefined && this.#generation > 0;
  }

  get visible(): readonly PresenceMember[] {
    const members = [...this.#members].map(([user, info]) => ({ user, info }));
    for (const [user, { admitted, info }] of this.#locals)
      if (admitted > 0 && !this.#members.has(user)) members.push({ user, info });
    return members;
  }

  seats(user: string): number {
    return this.#locals.get(user)?.seats ?? 0;
  }

  /** As of the user's first socket here; empty for who is not here. */
  info(user: string): string {
    return this.#locals.get(user)?.info ?? '';
  }

  isAdmitted(user: string): boolean {
    return (this.#locals.get(user)?.admitted ?? 0) > 0;
  }

  /** Everybody who holds a seat here. */
  users(): Iterable<string> {
    return this.#locals.keys();
  }

  /** A socket of the user asks to be let in. */
  seat({ user, info }: PresenceMember): void {
    const local = this.#locals.get(user) ?? { info, seats: 0, admitted: 0 };
    local.seats += 1;
    this.#locals.set(user, local);
  }

  /** It was not. */
  unseat(user: string): void {
    const local = this.#local(user);
    local.seats -= 1;
    if (local.seats === 0) this.#locals.delete(user);
  }

  /** It was. */
  admit(user: string): readonly MemberEvent[] {
    return this.#shown(user, () => {
      this.#local(user).admitted += 1;
    });
  }

  /** A socket that was let in is gone. */
  part(user: string): readonly MemberEvent[] {
    return this.#shown(user, () => {
      this.#local(user).admitted -= 1;
      this.unseat(user);
    });
  }

  /** A roster that was asked for in `generation`. */
  take(roster: Roster, generation: number): readonly MemberEvent[] {
    const current = generation === this.#generation;
    if (!current && !this.#blank) return [];
    const waiting = this.#waiting;
    if (waiting === undefined && roster.version <= this.#version) return [];
    const events = this.#replace(roster);
    if (waiting === undefined || !current) return events;
    this.#waiting = undefined;
    return [...events, ...waiting.flatMap((change) => this.apply(change))];
  }

  /** A change that the store made. What the view knows already is dropped. */
  apply(change: RosterChange): readonly MemberEvent[] {
    if (this.#waiting === undefined) {
      if (change.version <= this.#version) return [];
      // Whoever comes first finds a roster that starts anew.
      const follows =
        change.from === this.#version || (change.from === 0 && this.#members.size === 0);
      if (follows) return this.#step(change);
      this.lose();
    } else if (this.#waiting.length >= CHANGES_MAX) this.lose();
    this.#waiting?.push(change);
    return [];
  }

  /** Changes may have been missed. */
  lose(): void {
    this.#generation += 1;
    this.#waiting = [];
  }

  #step({ version, joined, user, info }: RosterChange): readonly MemberEvent[] {
    this.#version = version;
    return this.#shown(user, () => {
      if (joined) this.#members.set(user, info);
      else this.#members.delete(user);
    });
  }

  /** Whoever has another user_info than before was away in between. */
  #replace({ version, members }: Roster): readonly MemberEvent[] {
    this.#version = version;
    this.#blank = false;
    const now = new Map(members.map(({ user, info }) => [user, info]));
    const events: MemberEvent[] = [];
    for (const [user, info] of this.#members) {
      if (now.get(user) === info) continue;
      events.push(...this.#shown(user, () => void this.#members.delete(user)));
    }
    for (const [user, info] of now) {
      if (this.#members.has(user)) continue;
      events.push(...this.#shown(user, () => void this.#members.set(user, info)));
    }
    return events;
  }

  #shown(user: string, change: () => void): readonly MemberEvent[] {
    const before = this.#isVisible(user);
    change();
    const after = this.#isVisible(user);
    if (before === after) return [];
    if (!after) return [{ joined: false, user }];
    const info = this.#members.get(user) ?? this.info(user);
    return [{ joined: true, member: { user, info } }];
  }

  #isVisible(user: string): boolean {
    return this.#members.has(user) || this.isAdmitted(user);
  }

  #local(user: string): LocalMember {
    const local = this.#locals.get(user);
    if (local === undefined) throw new Error('the member has no seat here');
    return local;
  }
}
