import { channelOfKey, userOfChannel, type AppId, type ChannelKey } from '@fanfare/protocol';
import type { WebhookEvent } from '../ports/outbox.ts';
import type {
  Beat,
  Held,
  Incarnation,
  JoinRequest,
  Joined,
  Registered,
  Reported,
  Revision,
  Roster,
  RosterChange,
  Share,
  Subject,
  Tended,
} from '../ports/state.ts';
import type { Online } from '../ports/users.ts';
import { appOf, existenceEvent, parseSubjectKey, subjectKey, type SubjectKey } from './subject.ts';
import { MemoryCounts } from './memory-counts.ts';
import { MemoryLeases } from './memory-leases.ts';
import { MemoryRosters } from './memory-rosters.ts';
import { MemoryTerminations } from './memory-terminations.ts';
import type { OutboxLimits, StateTiming } from './timing.ts';

/** Where a partition writes what it decides. */
export interface PartitionEvents {
  /** False when there is no room: the subject is looked at again later, and nothing is lost. */
  emit(app: AppId, event: WebhookEvent, nowMs: number): boolean;
  rosterChanged(channel: ChannelKey, change: RosterChange): void;
  countTold(channel: ChannelKey, count: number): void;
}

interface Incarnate {
  version: number;
  readonly counts: Map<SubjectKey, number>;
}

/**
 * One partition of the cluster's state: who holds what, what that adds up to, and what the app was
 * told of it. This class is the whole logic; the Lua scripts of `@fanfare/redis` are the same steps
 * on Redis' data, and the fuzz compares the two. Every method is one atomic step at a time `nowMs`.
 */
export class MemoryPartition {
  readonly #timing: StateTiming;
  readonly #limits: OutboxLimits;
  readonly #events: PartitionEvents;
  readonly #leases: MemoryLeases;
  /** Fenced incarnations whose shares are not all taken away yet. */
  readonly #draining = new Set<Incarnation>();
  readonly #incarnates = new Map<Incarnation, Incarnate>();
  readonly #channels = new Map<ChannelKey, number>();
  readonly #counts: MemoryCounts;
  readonly #rosters: MemoryRosters;
  readonly #terminations = new MemoryTerminations();
  /** What the app was last told to be up. */
  readonly #told = new Set<SubjectKey>();
  /** How many members the app was last told to be in a channel. */
  readonly #toldMembers = new Map<ChannelKey, number>();
  /** When to compare a subject with what the app was told. */
  readonly #due = new Map<SubjectKey, number>();
  #epoch: string | undefined;
  #graceUntilMs = 0;

  constructor(timing: StateTiming, limits: OutboxLimits, events: PartitionEvents) {
    this.#timing = timing;
    this.#limits = limits;
    this.#events = events;
    this.#leases = new MemoryLeases(timing);
    this.#rosters = new MemoryRosters((...args) => events.rosterChanged(...args));
    this.#counts = new MemoryCounts(
      (channel) => this.subscriptions(channel),
      events,
      limits.gatherMs,
    );
  }

  register(incarnation: Incarnation, newEpoch: string, nowMs: number): Registered {
    if (!this.#leases.register(incarnation, nowMs)) return { fenced: true };
    if (this.#epoch === undefined) {
      this.#epoch = newEpoch;
      this.#graceUntilMs = nowMs + this.#timing.graceMs;
    }
    return { fenced: false, epoch: this.#epoch };
  }

  heartbeat(incarnation: Incarnation, nowMs: number): Beat {
    if (!this.#leases.renew(incarnation, nowMs)) return { fenced: true };
    return {
      fenced: false,
      epoch: this.#epoch ?? '',
      version: this.#incarnates.get(incarnation)?.version ?? 0,
      tendInMs: this.tendInMs(nowMs),
    };
  }

  report(
    incarnation: Incarnation,
    { version, after }: Revision,
    shares: readonly Share[],
    nowMs: number,
  ): Reported {
    if (!this.#leases.has(incarnation)) return { fenced: true };
    const incarnate = this.#incarnate(incarnation);
    if (version <= incarnate.version) return { fenced: false, lost: false };
    if (after > incarnate.version) return { fenced: false, lost: true };
    incarnate.version = version;
    const tells: number[] = [];
    for (const share of shares) {
      if (share.adopted) this.#adopt(share, nowMs);
      const changed = this.#apply(incarnate, share, nowMs);
      const tellMs = this.#counts.reported(share, changed, nowMs, this.#graceUntilMs);
      if (tellMs !== undefined) tells.push(tellMs);
    }
    if (tells.length === 0) return { fenced: false, lost: false };
    const [firstMs, lastMs] = [Math.min(...tells) - nowMs, Math.max(...tells) - nowMs];
    return { fenced: false, lost: false, tellsIn: { firstMs, lastMs } };
  }

  join(
    incarnation: Incarnation,
    revision: Revision,
    { channel: own, member, membersMax }: JoinRequest,
    nowMs: number,
  ): Joined {
    const { channel } = member.subject;
    const user = member.subject.kind === 'member' ? member.subject.user : '';
    const rosters = this.#rosters;
    const full = !rosters.hasMember(channel, user) && rosters.size(channel) >= membersMax;
    // Refused or not, the version is used up: an earlier attempt that is still on its way must not get in later.
    const reported = this.report(incarnation, revision, full ? [] : [own, member], nowMs);
    if (reported.fenced) return reported;
    if (reported.lost) return { fenced: false, lost: true };
    if (full) return { fenced: false, lost: false, full };
    return { fenced: false, lost: false, full, roster: this.roster(channel) };
  }

  held(incarnation: Incarnation, version: number): Held {
    if (!this.#leases.has(incarnation)) return { fenced: true };
    const incarnate = this.#incarnate(incarnation);
    incarnate.version = Math.max(incarnate.version, version);
    const shares = [...incarnate.counts].map(([key, count]) => ({
      subject: parseSubjectKey(key),
      count,
    }));
    return { fenced: false, shares };
  }

  /** Fences the incarnation first, so that nothing of it can come after, and then takes away what it held. */
  leave(incarnation: Incarnation, nowMs: number): void {
    if (this.#leases.fence(incarnation, nowMs)) this.#draining.add(incarnation);
    while (this.#drain(nowMs) > 0) this.#counts.tellDue(this.#limits.reapShares, nowMs);
  }

  /** What any process may do at any time: fence, drain, announce. */
  tend(nowMs: number): Tended {
    const fenced = this.#leases.fenceExpired(nowMs);
    for (const incarnation of fenced) this.#draining.add(incarnation);
    const reaped = this.#drain(nowMs);
    const reconciled = this.#reconcileDue(nowMs);
    this.#counts.tellDue(this.#limits.reconcileSubjects, nowMs);
    return { fenced: fenced.length, reaped, reconciled };
  }

  /** As `tend`, by a worker: while it comes often, edges leave what is due to it. */
  poll(nowMs: number): Tended {
    this.#leases.polled(nowMs);
    return this.tend(nowMs);
  }

  /** In how many milliseconds somebody should tend, as things are. */
  tendInMs(nowMs: number): number {
    if (this.#draining.size > 0) return 0;
    const dueMs = this.#leases.tendAtMs(Math.min(...this.#due.values()), nowMs);
    return Math.max(Math.min(dueMs, this.#counts.orphanMs) - nowMs, 0);
  }

  /** In how many milliseconds the next count is due to be told. */
  tellInMs(nowMs: number): number {
    return Math.max(this.#counts.dueMs - nowMs, 0);
  }

  /** Without those that one incarnation has reported. */
  subscriptions(channel: ChannelKey, without: Incarnation = ''): number {
    const own = this.#incarnates.get(without)?.counts.get(subjectKey({ kind: 'channel', channel }));
    return (this.#channels.get(channel) ?? 0) - (own ?? 0);
  }

  roster(channel: ChannelKey): Roster {
    return this.#rosters.get(channel);
  }

  occupied(app: AppId, prefix: string): readonly ChannelKey[] {
    const start = `${app}/${prefix}`;
    return [...this.#channels.keys()].filter((key) => key.startsWith(start) && !isUser(key));
  }

  online(user: ChannelKey): Online {
    return { version: this.#rosters.version, online: this.#channels.has(user) };
  }

  terminate(user: ChannelKey, nowMs: number): number {
    return this.#terminations.add(user, nowMs);
  }

  termination(user: ChannelKey, nowMs: number): number {
    return this.#terminations.get(user, nowMs);
  }

  /** The app believes that the subject is up; or it is up, and nobody wants to hear of it. */
  isAnnounced(subject: Subject): boolean {
    const key = subjectKey(subject);
    return this.#told.has(key) || (this.#isUp(subject) && !this.#due.has(key));
  }

  #isUp(subject: Subject): boolean {
    return subject.kind === 'channel'
      ? this.#channels.has(subject.channel)
      : this.#rosters.hasMember(subject.channel, subject.user);
  }

  #incarnate(incarnation: Incarnation): Incarnate {
    const known = this.#incarnates.get(incarnation);
    if (known !== undefined) return known;
    const fresh: Incarnate = { version: 0, counts: new Map() };
    this.#incarnates.set(incarnation, fresh);
    return fresh;
  }

  /** The app knew of the subject before the data was lost; whether that is still so shows later. */
  #adopt({ subject, count }: Share, nowMs: number): void {
    const key = subjectKey(subject);
    this.#believe(subject, true);
    if (count === 0) this.#lookAgain(key, nowMs + this.#timing.downDelayMs, nowMs);
  }

  /** The only place that changes a total: by what one incarnation's share changed, in the same step. */
  #apply(incarnate: Incarnate, share: Share, nowMs: number): boolean {
    const key = subjectKey(share.subject);
    const old = incarnate.counts.get(key) ?? 0;
    const change = share.count - old;
    if (change === 0) return false;
    if (share.count > 0) incarnate.counts.set(key, share.count);
    else incarnate.counts.delete(key);
    const total =
      share.subject.kind === 'channel'
        ? this.#countChannel(share.subject.channel, change, nowMs)
        : this.#rosters.count(share.subject, share.info, change, nowMs);
    if (total > 0 && total - change <= 0 && share.told) this.#cameUp(key, nowMs);
    if (total > 0 || !this.#told.has(key)) return true;
    // The last member's departure is told before the channel's; what is due at once goes by name.
    const later = share.subject.kind === 'channel' ? 1 : 0;
    this.#lookAgain(key, nowMs + this.#timing.downDelayMs + later, nowMs);
    return true;
  }

  #countChannel(channel: ChannelKey, change: number, nowMs: number): number {
    const total = (this.#channels.get(channel) ?? 0) + change;
    if (total > 0) this.#channels.set(channel, total);
    else this.#channels.delete(channel);
    if (isUser(channel) && total > 0 !== total - change > 0)
      this.#rosters.stepUser(channel, total > 0, nowMs);
    return total;
  }

  #cameUp(key: SubjectKey, nowMs: number): void {
    if (this.#graceUntilMs > nowMs) {
      this.#lookAgain(key, nowMs, nowMs);
      return;
    }
    this.#due.delete(key);
    this.#reconcile(key, nowMs);
  }

  #lookAgain(key: SubjectKey, atMs: number, nowMs: number): void {
    this.#due.set(key, this.#graceUntilMs > nowMs ? Math.max(this.#graceUntilMs, atMs) : atMs);
  }

  /**
   * Compares one subject with what the app was told, and tells the difference. A channel that comes
   * is told before its first member, whatever kept it waiting; one that goes, after its last.
   */
  #reconcile(key: SubjectKey, nowMs: number): void {
    const subject = parseSubjectKey(key);
    const up = this.#isUp(subject);
    if (up === this.#told.has(key)) return;
    if (up && subject.kind === 'member') this.#announceChannel(subject.channel, nowMs);
    const early = !up && subject.kind === 'channel' && this.#isLeftByTheTold(subject.channel);
    if (early || !this.#events.emit(appOf(subject), existenceEvent(subject, up), nowMs))
      this.#due.set(key, nowMs + this.#limits.gatherMs);
    else this.#believe(subject, up);
  }

  /** Nobody is in it any more, and the app has yet to hear so of some. */
  #isLeftByTheTold(channel: ChannelKey): boolean {
    return this.#toldMembers.has(channel) && this.#rosters.size(channel) === 0;
  }

  #announceChannel(channel: ChannelKey, nowMs: number): void {
    const key = subjectKey({ kind: 'channel', channel });
    if (!this.#channels.has(channel) || !this.#due.delete(key)) return;
    this.#reconcile(key, nowMs);
  }

  #believe(subject: Subject, up: boolean): void {
    const key = subjectKey(subject);
    if (up === this.#told.has(key)) return;
    if (up) this.#told.add(key);
    else this.#told.delete(key);
    if (subject.kind === 'channel') return;
    const members = (this.#toldMembers.get(subject.channel) ?? 0) + (up ? 1 : -1);
    if (members > 0) this.#toldMembers.set(subject.channel, members);
    else this.#toldMembers.delete(subject.channel);
  }

  #reconcileDue(nowMs: number): number {
    const due = [...this.#due]
      .filter(([, atMs]) => atMs <= nowMs)
      .toSorted(([one, a], [other, b]) => a - b || (one < other ? -1 : 1))
      .slice(0, this.#limits.reconcileSubjects);
    for (const [key] of due) {
      this.#due.delete(key);
      this.#reconcile(key, nowMs);
    }
    return due.length;
  }

  /** A share is removed in the step that subtracts it, so a second reaper finds nothing. */
  #drain(nowMs: number): number {
    let drained = 0;
    for (const incarnation of this.#draining) {
      const incarnate = this.#incarnate(incarnation);
      for (const key of incarnate.counts.keys()) {
        if (drained >= this.#limits.reapShares) return drained;
        const subject = parseSubjectKey(key);
        this.#apply(incarnate, { subject, count: 0, info: '', told: false, adopted: false }, nowMs);
        this.#counts.takenAway(subject, nowMs, this.#graceUntilMs);
        drained += 1;
      }
      this.#incarnates.delete(incarnation);
      this.#draining.delete(incarnation);
    }
    return drained;
  }
}

/** Its channel is in no list; those who watch the user are told of it. */
function isUser(channel: ChannelKey): boolean {
  return userOfChannel(channelOfKey(channel)) !== undefined;
}
