import type { ChannelKey } from '@fanfare/protocol';
import type { Incarnation, JoinRequest, Revision, Share, Subject } from '../ports/state.ts';
import { AppendQueue, type SocketEvent } from './append-queue.ts';
import { JoinQueue, type JoinOutcome, type WaitingJoin } from './join-queue.ts';
import {
  isAsked,
  type ReporterEvents,
  type ReporterOptions,
  type ReporterParts,
  type ReporterSource,
  type ReporterStore,
} from './reporter-parts.ts';
import { parseSubjectKey, subjectKey, type SubjectKey } from './subject.ts';
import { TendSchedule } from './tend-schedule.ts';

/** At how many moments of their interval heartbeats go out: together they cost less, all at once they would take too long. */
const BEAT_GROUPS = 16;

/**
 * One edge's voice in one partition. It says absolute figures under a version, one call at a time,
 * so that a lost reply, a repeat or a late arrival changes nothing; and it learns by its heartbeat
 * when the store has written it off, or has forgotten what it was told.
 */
export class PartitionReporter {
  readonly #partition: number;
  readonly #store: ReporterStore;
  readonly #source: ReporterSource;
  readonly #events: ReporterEvents;
  readonly #options: ReporterOptions;
  readonly #newIncarnation: () => string;
  readonly #random: () => number;
  readonly #tending: TendSchedule;
  readonly #dirty = new Set<SubjectKey>();
  /** What the store has confirmed, except zeros. */
  readonly #confirmed = new Map<SubjectKey, number>();
  /** What was sent and not answered: whatever `#confirmed` says, the store may have taken it. */
  readonly #unsure = new Set<SubjectKey>();
  /** What the app may have been told before the store lost its data. */
  readonly #adopted = new Set<SubjectKey>();
  readonly #joins = new JoinQueue();
  readonly #appends: AppendQueue;
  /** Under which it reports at the moment; its own to change. */
  incarnation: Incarnation | undefined;
  #epoch: string | undefined;
  #version = 0;
  #confirmedVersion = 0;
  #retryMs = 0;
  #heartbeatDueMs = 0;
  #auditDueMs = 0;
  #busy = false;
  #keepsLease = false;
  #closed = false;

  constructor(partition: number, parts: ReporterParts) {
    this.#partition = partition;
    this.#store = parts.store;
    this.#source = parts.source;
    this.#events = parts.events;
    this.#options = parts.options;
    this.#newIncarnation = parts.newIncarnation;
    this.#random = parts.random;
    this.#appends = new AppendQueue({
      partition,
      store: parts.store,
      told: (subjects) => subjects.filter((subject) => parts.source.told(subject)),
      knows: (subjects) => this.#isKnown(subjects),
      holds: (subjects) => subjects.every((subject) => parts.source.count(subject) > 0),
      room: parts.appendRoom,
      retryMs: parts.options.retryMs,
      onWaiting: parts.onAwaited,
    });
    this.#tending = new TendSchedule(parts.options.tendMs, parts.random);
  }

  /** The subject's count changed; it is reported with the next tick. */
  changed(subject: Subject): void {
    const key = subjectKey(subject);
    // What came and went while the store was away must not pile up. While it is being told, only
    // its answer shows what it knows.
    const settled = !this.#busy && this.#isSettled(key, this.#source.count(subject));
    const asked = settled && this.#source.wish(subject)?.asked === true;
    if (settled && !asked && !this.#adopted.has(key)) this.#dirty.delete(key);
    else this.#dirty.add(key);
  }

  /**
   * Asks for a member to be let in. The source counts the socket that asks for the member already,
   * and stops when the channel turns out to be full; that is a change like any other. For the
   * channel it counts the socket once that is in. Rejects when the store has not answered by
   * `untilMs`, though it may have taken the member in.
   */
  async join(
    subject: Extract<Subject, { kind: 'member' }>,
    info: string,
    membersMax: number,
    untilMs = Infinity,
  ): Promise<JoinOutcome> {
    return this.#joins.join({ subject, info, membersMax, untilMs });
  }

  /**
   * Writes an event of a socket behind what the app is to hear of its channel and its member. It
   * waits until the store knows of them, and resolves with false when it cannot be kept.
   */
  async append(channel: ChannelKey, event: SocketEvent, untilMs: number): Promise<boolean> {
    return this.#closed ? false : this.#appends.append(channel, event, untilMs);
  }

  /**
   * From now on there is a lease also while there is nothing to say: by the number of leases the
   * store tells a crash from its own standstill, and one edge alone looks like the latter.
   */
  keepLease(): void {
    this.#keepsLease = true;
  }

  /** Members wait to be let in, or events to be written. */
  get isAwaited(): boolean {
    return !this.#joins.isEmpty || !this.#appends.isEmpty;
  }

  /** When `run` next has something to do; never while it runs. */
  get dueMs(): number {
    if (this.#busy || this.#closed) return Infinity;
    if (this.#dirty.size > 0 || !this.#joins.isEmpty) return this.#retryMs;
    const leaseDueMs = this.#keepsLease ? 0 : Infinity;
    const dutyDueMs = Math.min(this.#heartbeatDueMs, this.#auditDueMs, this.#tending.dueMs);
    const ownDueMs = this.incarnation === undefined ? leaseDueMs : dutyDueMs;
    return Math.max(this.#retryMs, Math.min(ownDueMs, this.#appends.dueMs));
  }

  /** True when `run` has something to do. */
  wantsToRun(nowMs: number): boolean {
    return nowMs >= this.dueMs;
  }

  /** Takes one step: one call to the store, whose answer is taken in before the next. Never rejects. */
  async run(nowMs: number): Promise<void> {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    try {
      await this.#step(nowMs);
    } catch (error) {
      // Whether the store heard us is unknown. Saying it again does no harm, so it is said again.
      this.#retryMs = nowMs + this.#options.retryMs;
      this.#events.failed(error);
    } finally {
      this.#busy = false;
    }
    this.#joins.giveUp(nowMs);
    this.#appends.giveUp(nowMs);
  }

  /** Gives back everything at once. Reports that are still under way find the fence. */
  async leave(): Promise<void> {
    this.#closed = true;
    this.#joins.close();
    this.#appends.close();
    if (this.incarnation !== undefined) await this.#store.leave(this.#partition, this.incarnation);
  }

  async #step(nowMs: number): Promise<void> {
    const incarnation = this.incarnation ?? (await this.#register(nowMs));
    if (incarnation === undefined) return;
    if (nowMs >= this.#heartbeatDueMs) await this.#heartbeat(incarnation, nowMs);
    else if (nowMs >= this.#auditDueMs) await this.#audit(incarnation, nowMs);
    // Whatever else does it as well: what is silent for too long must go also where there is nobody else.
    else if (nowMs >= this.#tending.dueMs)
      this.#tending.tended(await this.#store.tend(this.#partition), nowMs);
    else if (!this.#joins.isEmpty) await this.#joinNext(incarnation);
    else await this.#appendOrReport(incarnation, nowMs);
  }

  /** A report goes first when it has something to say of what the event happened amid. */
  async #appendOrReport(incarnation: Incarnation, nowMs: number): Promise<void> {
    const append = this.#appends.next(nowMs);
    if (append === undefined || this.#isUnsaid(append.subjects))
      await this.#report(incarnation, nowMs);
    else await this.#appends.attempt(append, nowMs);
  }

  /** However often the count changes meanwhile, the store knows that it is not zero. */
  #isKnown(subjects: readonly Subject[]): boolean {
    if (this.incarnation === undefined) return subjects.length === 0;
    return subjects
      .map(subjectKey)
      .every((key) => this.#confirmed.has(key) && !this.#unsure.has(key));
  }

  #isUnsaid(subjects: readonly Subject[]): boolean {
    if (this.#isKnown(subjects)) return false;
    return subjects.map(subjectKey).some((key) => this.#dirty.has(key) || this.#unsure.has(key));
  }

  async #register(nowMs: number): Promise<Incarnation | undefined> {
    const incarnation = this.#newIncarnation();
    const registered = await this.#store.register(this.#partition, incarnation);
    if (registered.fenced) return undefined;
    // A store that forgot its epoch forgot what the app was told as well.
    if (this.#epoch !== undefined && this.#epoch !== registered.epoch) {
      for (const key of this.#confirmed.keys()) this.#adopted.add(key);
      this.#events.stateLost(this.#partition);
    }
    this.#epoch = registered.epoch;
    this.incarnation = incarnation;
    this.#version = 0;
    this.#confirmedVersion = 0;
    this.#confirmed.clear();
    this.#unsure.clear();
    for (const subject of this.#source.held(this.#partition)) this.changed(subject);
    for (const key of this.#adopted) this.#dirty.add(key);
    // Leases are taken all at once, and what has to be done again and again is not to be.
    const { heartbeatMs, auditMs } = this.#options;
    const part = (1 + Math.floor(this.#random() * BEAT_GROUPS)) / BEAT_GROUPS;
    this.#heartbeatDueMs = nowMs + Math.round(heartbeatMs * part);
    this.#auditDueMs = nowMs + Math.ceil((auditMs * (1 + this.#random())) / 2);
    this.#tending.reset();
    return incarnation;
  }

  async #heartbeat(incarnation: Incarnation, nowMs: number): Promise<void> {
    const beat = await this.#store.heartbeat(this.#partition, incarnation);
    if (beat.fenced) return this.#fence();
    // From when it was due, so that those that go together stay together; unless that was long ago.
    const { heartbeatMs } = this.#options;
    const isLate = nowMs - this.#heartbeatDueMs > heartbeatMs / 2;
    this.#heartbeatDueMs = (isLate ? nowMs : this.#heartbeatDueMs) + heartbeatMs;
    this.#tending.wanted(beat.tendInMs, nowMs);
    // A failover may have lost reports that had been confirmed; so the store is asked what it knows.
    if (beat.version < this.#confirmedVersion) this.#doubt();
  }

  /** Nothing is said before the store has been asked: what comes after a gap would hide it. */
  #doubt(): void {
    this.#auditDueMs = 0;
  }

  async #audit(incarnation: Incarnation, nowMs: number): Promise<void> {
    this.#version += 1;
    const held = await this.#store.held(this.#partition, incarnation, this.#version);
    if (held.fenced) return this.#fence();
    this.#auditDueMs = nowMs + this.#options.auditMs;
    this.#confirmedVersion = this.#version;
    const known = new Map(held.shares.map(({ subject, count }) => [subjectKey(subject), count]));
    for (const key of new Set([...known.keys(), ...this.#confirmed.keys()])) {
      const count = known.get(key) ?? 0;
      if (count > 0) this.#confirmed.set(key, count);
      else this.#confirmed.delete(key);
      if (this.#source.count(parseSubjectKey(key)) !== count) this.#dirty.add(key);
    }
    for (const subject of this.#source.held(this.#partition))
      if (!this.#confirmed.has(subjectKey(subject))) this.changed(subject);
  }

  async #joinNext(incarnation: Incarnation): Promise<void> {
    const { first } = this.#joins;
    if (first === undefined) return;
    const request = this.#request(first);
    const { channel, member } = request;
    const [own, key] = [subjectKey(channel.subject), subjectKey(member.subject)];
    const joined = await this.#call([own, key], (revision) =>
      this.#store.join(this.#partition, incarnation, revision, request),
    );
    if (joined.fenced) return this.#fence();
    if (joined.lost) return this.#doubt();
    // A member that was not let in must not slip in by a report that was due for another reason.
    if (joined.full) {
      this.#unsure.delete(key);
      if (!member.adopted) this.#dirty.delete(key);
    }
    this.#confirm(joined.full ? [] : [channel, member]);
    // Whatever becomes of the socket that asked, the next report says what is true by then.
    this.#dirty.add(own);
    this.#joins.answer(joined);
    return undefined;
  }

  /** With the socket that asks, as if it were in: so the channel is up before the member, and mostly nothing is left to report. */
  #request({ subject, info, membersMax }: WaitingJoin): JoinRequest {
    const member = { ...this.#share(subjectKey(subject)), info };
    const channel = this.#share(subjectKey({ kind: 'channel', channel: subject.channel }));
    return { channel: { ...channel, count: channel.count + 1 }, member, membersMax };
  }

  async #report(incarnation: Incarnation, nowMs: number): Promise<void> {
    const keys = this.#nextKeys();
    // What changes while the report is under way is dirty anew.
    for (const key of keys) this.#dirty.delete(key);
    const shares = keys
      .map((key) => ({ key, share: this.#share(key) }))
      .filter(({ key, share }) => isAsked(share) || !this.#isSettled(key, share.count))
      .map(({ share }) => share);
    if (shares.length === 0) return;
    const reported = await this.#call(keys, (revision) =>
      this.#store.report(this.#partition, incarnation, revision, shares),
    );
    if (reported.fenced) return this.#fence();
    if (reported.lost) {
      for (const key of keys) this.#dirty.add(key);
      return this.#doubt();
    }
    this.#confirm(shares);
    if (reported.tellsIn !== undefined) this.#tending.lookAfter(reported.tellsIn, nowMs);
  }

  /** What the store may have heard goes first, so that failing again makes no more of it. */
  #nextKeys(): readonly SubjectKey[] {
    const keys = new Set<SubjectKey>();
    for (const key of [...this.#unsure, ...this.#dirty]) {
      if (keys.size >= this.#options.sharesPerReport) break;
      // A channel counts before its members, so that the app hears of it first.
      const { channel } = parseSubjectKey(key);
      const own = subjectKey({ kind: 'channel', channel });
      if (this.#unsure.has(own) || this.#dirty.has(own)) keys.add(own);
      keys.add(key);
    }
    return [...keys];
  }

  /** Makes a call that may or may not reach the store; when nobody knows, its subjects are said again. */
  async #call<T>(
    keys: readonly SubjectKey[],
    call: (revision: Revision) => Promise<T>,
  ): Promise<T> {
    this.#version += 1;
    try {
      return await call({ version: this.#version, after: this.#confirmedVersion });
    } catch (error) {
      for (const key of keys) {
        this.#unsure.add(key);
        this.#dirty.add(key);
      }
      throw error;
    }
  }

  #isSettled(key: SubjectKey, count: number): boolean {
    return count === (this.#confirmed.get(key) ?? 0) && !this.#unsure.has(key);
  }

  #share(key: SubjectKey): Share {
    const subject = parseSubjectKey(key);
    const told = this.#source.told(subject);
    return {
      subject,
      count: this.#source.count(subject),
      info: this.#source.info(subject),
      told,
      adopted: told && this.#adopted.has(key),
      wish: this.#source.wish(subject),
    };
  }

  /** Only one call is under way at a time, so the last version is the one that was answered. */
  #confirm(shares: readonly Share[]): void {
    this.#confirmedVersion = this.#version;
    for (const { subject, count } of shares) {
      const key = subjectKey(subject);
      this.#adopted.delete(key);
      this.#unsure.delete(key);
      if (count > 0) this.#confirmed.set(key, count);
      else this.#confirmed.delete(key);
    }
  }

  /** What this incarnation held is or will be taken away; a new one says everything anew. */
  #fence(): void {
    this.incarnation = undefined;
    this.#events.fenced(this.#partition);
    for (const subject of this.#source.held(this.#partition)) this.changed(subject);
  }
}
