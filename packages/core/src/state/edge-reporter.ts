import type { ChannelKey } from '@fanfare/protocol';
import { Failure } from '../failure.ts';
import type { Incarnation, Subject } from '../ports/state.ts';
import type { AppendRoom, SocketEvent } from './append-queue.ts';
import type { JoinOutcome } from './join-queue.ts';
import {
  reporterOptions,
  type ReporterEvents,
  type ReporterOptions,
  type ReporterSource,
  type ReporterStore,
} from './reporter-parts.ts';
import { PartitionReporter } from './reporter.ts';

export interface EdgeReporterEvents extends ReporterEvents {
  /** A lease was taken; it ends when the partition is fenced or left. */
  registered(partition: number): void;
}

export interface EdgeReporterParts {
  readonly store: ReporterStore;
  readonly source: ReporterSource;
  readonly events: EdgeReporterEvents;
  /** Of a clock that is never set back. */
  readonly nowMs: () => number;
  readonly newIncarnation: () => string;
  /** Spreads what many partitions and edges do; for tests. */
  readonly random?: () => number;
  readonly options?: EdgeReporterOptions;
}

export interface EdgeReporterOptions extends ReporterOptions {
  /** How long a member waits to be let in; as long as a subscribe waits for the bus. */
  readonly joinMs: number;
  /** How long an event waits for the app to hear of its channel: longer than a new store announces nothing. */
  readonly appendMs: number;
  /** How many events may wait so; beyond it they are not kept. */
  readonly appendsMax: number;
}

export const edgeReporterOptions: EdgeReporterOptions = {
  ...reporterOptions,
  joinMs: 30_000,
  appendMs: 10_000,
  appendsMax: 1_000,
};

const RUNS_PER_TURN = 64;

/**
 * One edge's voice in every partition in which it has something to say. One timer serves them all,
 * so that what they have to say goes out together.
 */
export class EdgeReporter {
  readonly #parts: EdgeReporterParts;
  readonly #store: ReporterStore;
  readonly #options: EdgeReporterOptions;
  readonly #reporters = new Map<number, PartitionReporter>();
  readonly #running = new Set<Promise<void>>();
  readonly #appendRoom: AppendRoom;
  #timer: NodeJS.Timeout | undefined;
  #timerMs = Infinity;
  #joins: NodeJS.Immediate | undefined;
  #leaving: Promise<void> | undefined;

  constructor(parts: EdgeReporterParts) {
    this.#parts = parts;
    this.#store = observed(parts);
    this.#options = parts.options ?? edgeReporterOptions;
    this.#appendRoom = { left: this.#options.appendsMax };
  }

  /** Takes a lease in every partition. Without it, leases are taken where there is something to say. */
  start(): void {
    for (let partition = 0; partition < this.#store.partitions; partition += 1)
      this.#reporterOf(partition).keepLease();
    this.#wake(this.#parts.nowMs() + this.#options.tickMs);
  }

  /** The subject's count changed; it is reported with the next tick. */
  changed(subject: Subject): void {
    if (this.#leaving !== undefined) return;
    this.#reporter(subject).changed(subject);
    this.#wake(this.#parts.nowMs() + this.#options.tickMs);
  }

  /** Asks for a member to be let in, with what else this turn of the event loop asks for. See `PartitionReporter.join`. */
  async join(
    subject: Extract<Subject, { kind: 'member' }>,
    info: string,
    membersMax: number,
  ): Promise<JoinOutcome> {
    if (this.#leaving !== undefined) throw new Failure('closed', 'the edge is stopping');
    const untilMs = this.#parts.nowMs() + this.#options.joinMs;
    const outcome = this.#reporter(subject).join(subject, info, membersMax, untilMs);
    this.#joins ??= setImmediate(() => {
      this.#joins = undefined;
      this.#tick(({ isAwaited }) => isAwaited);
    });
    return outcome;
  }

  /** Under which this edge reports in a partition at the moment. */
  incarnationOf(partition: number): Incarnation | undefined {
    return this.#reporters.get(partition)?.incarnation;
  }

  /** Keeps an event of one of the sockets for the app. See `PartitionReporter.append`. */
  async append(channel: ChannelKey, event: SocketEvent): Promise<boolean> {
    const untilMs = this.#parts.nowMs() + this.#options.appendMs;
    return this.#reporterOf(this.#store.partitionOf(channel)).append(channel, event, untilMs);
  }

  /** Gives everything back at once. What the store does not hear now, it learns when the leases run out. */
  async leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    await this.#leaving;
  }

  async #leave(): Promise<void> {
    clearTimeout(this.#timer);
    clearImmediate(this.#joins);
    // A lease that is being taken could not be given back.
    await Promise.all(this.#running);
    const left = [...this.#reporters.values()].map(async (reporter) => reporter.leave());
    for (const outcome of await Promise.allSettled(left))
      if (outcome.status === 'rejected') this.#parts.events.failed(outcome.reason);
  }

  #reporter({ channel }: Subject): PartitionReporter {
    return this.#reporterOf(this.#store.partitionOf(channel));
  }

  #reporterOf(partition: number): PartitionReporter {
    const known = this.#reporters.get(partition);
    if (known !== undefined) return known;
    const { source, events, newIncarnation, random = Math.random } = this.#parts;
    const common = { source, events, newIncarnation, random };
    const fresh = new PartitionReporter(partition, {
      ...common,
      store: this.#store,
      options: this.#options,
      appendRoom: this.#appendRoom,
      onAwaited: () => this.#serve(fresh),
    });
    this.#reporters.set(partition, fresh);
    return fresh;
  }

  #wake(atMs: number): void {
    if (atMs >= this.#timerMs || this.#leaving !== undefined) return;
    clearTimeout(this.#timer);
    this.#timerMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#timerMs = Infinity;
        this.#tick(() => true);
        for (const { dueMs } of this.#reporters.values()) this.#wakeFor(dueMs);
      },
      Math.max(1, atMs - this.#parts.nowMs()),
    );
  }

  #tick(isMeant: (reporter: PartitionReporter) => boolean): void {
    const nowMs = this.#parts.nowMs();
    const due = [...this.#reporters.values()].filter(
      (reporter) => isMeant(reporter) && reporter.wantsToRun(nowMs),
    );
    this.#runAll(due);
  }

  /** When every partition wants something, as after an outage, sockets get their turn in between. */
  #runAll(reporters: readonly PartitionReporter[]): void {
    if (this.#leaving !== undefined) return;
    for (const reporter of reporters.slice(0, RUNS_PER_TURN)) this.#run(reporter);
    const rest = reporters.slice(RUNS_PER_TURN);
    if (rest.length > 0) setImmediate(() => this.#runAll(rest));
  }

  /**
   * At once and not in the turn's end: a socket that is closed in the same turn would take its
   * channel away, and its last words with it.
   */
  #serve(reporter: PartitionReporter): void {
    if (this.#leaving !== undefined) return;
    if (reporter.wantsToRun(this.#parts.nowMs())) this.#run(reporter);
    else this.#wakeFor(reporter.dueMs);
  }

  #run(reporter: PartitionReporter): void {
    const running = this.#runUntilIdle(reporter).finally(() => {
      this.#running.delete(running);
      this.#wakeFor(reporter.dueMs);
    });
    this.#running.add(running);
  }

  /** One call after the other while somebody waits for an answer; what else there is waits for the tick. */
  async #runUntilIdle(reporter: PartitionReporter): Promise<void> {
    do {
      // oxlint-disable-next-line no-await-in-loop -- a partition hears one call at a time
      await reporter.run(this.#parts.nowMs());
    } while (
      this.#leaving === undefined &&
      reporter.isAwaited &&
      reporter.wantsToRun(this.#parts.nowMs())
    );
  }

  /** Never sooner than a tick, so that partitions that are due one after the other share their ticks. */
  #wakeFor(dueMs: number): void {
    if (dueMs < Infinity) this.#wake(Math.max(dueMs, this.#parts.nowMs() + this.#options.tickMs));
  }
}

/** The store, telling what is asked of it. */
function observed({ store, events, nowMs }: EdgeReporterParts): ReporterStore {
  const timed = async <T>(shares: number, call: Promise<T>): Promise<T> => {
    const startedMs = nowMs();
    const answer = await call;
    events.reported(shares, nowMs() - startedMs);
    return answer;
  };
  return {
    partitions: store.partitions,
    partitionOf: (channel) => store.partitionOf(channel),
    async register(partition, incarnation) {
      const registered = await store.register(partition, incarnation);
      if (!registered.fenced) events.registered(partition);
      return registered;
    },
    heartbeat: (...args) => store.heartbeat(...args),
    tend: (partition) => store.tend(partition),
    report: (...args) => timed(args[3].length, store.report(...args)),
    join: (...args) => timed(2, store.join(...args)),
    held: (...args) => store.held(...args),
    leave: (...args) => store.leave(...args),
    append: (...args) => store.append(...args),
  };
}
