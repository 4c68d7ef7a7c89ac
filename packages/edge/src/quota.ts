import type {
  App,
  AppRegistry,
  Incarnation,
  ShareReader,
  ShareStore,
  Subject,
} from '@fanfare/core';
import { connectionsKey, type AppId, type ChannelKey } from '@fanfare/protocol';

export interface QuotaParts {
  readonly apps: AppRegistry;
  readonly store: ShareReader & Pick<ShareStore, 'partitionOf'>;
  /** Under which this edge reports in a partition at the moment. */
  incarnationOf(partition: number): Incarnation | undefined;
  /** What this edge holds of the subject has changed. */
  changed(subject: Subject): void;
  onFailed(error: unknown): void;
  /** For tests. */
  readonly roundMs?: number;
}

/** How often it is read what the other edges have. */
const ROUND_MS = 2_000;
/** Of apps that nobody here asked for it is read in every so many rounds only. */
const ROUNDS_OF_ALL = 10;

/** What is known of an app's connections. */
interface Tally {
  readonly app: AppId;
  readonly key: ChannelKey;
  readonly partition: number;
  here: number;
  /** At the other edges, when it was last read. */
  elsewhere: number;
  /** Somebody asked to be let in since the last round. */
  asked: boolean;
  /** Read in every round. */
  isWatched: boolean;
  /** The store is told of it. */
  isReported: boolean;
}

/**
 * Keeps apps to their number of connections in the whole cluster. Each edge reports its own to the
 * state store, as subscriptions to a channel that nobody can name, and reads every two seconds what
 * the others have. So one edge alone is exact, and several together may exceed a limit by what the
 * others let in since the last reading. While the store is away the last reading stands.
 */
export class ConnectionQuota {
  readonly #parts: QuotaParts;
  readonly #tallies = new Map<AppId, Tally>();
  #timer: NodeJS.Timeout | undefined;
  #rounds = 0;

  constructor(parts: QuotaParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#read(this.#limited());
    this.#timer ??= setInterval(
      () => void this.#read(this.#round()),
      this.#parts.roundMs ?? ROUND_MS,
    );
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  admits({ id, limits: { maxConnections: max } }: App): boolean {
    if (max === null) return true;
    const tally = this.#tally(id);
    tally.asked = true;
    if (!tally.isWatched) {
      tally.isWatched = true;
      void this.#read([tally]);
    }
    return tally.elsewhere + tally.here < max;
  }

  opened(app: AppId): void {
    const tally = this.#tally(app);
    tally.here += 1;
    this.#report(tally);
  }

  closed(app: AppId): void {
    const tally = this.#tally(app);
    tally.here -= 1;
    this.#report(tally);
    this.#forgetIdle(tally);
  }

  /** What the store is to know: nothing of apps without a limit. */
  count(app: AppId): number {
    return this.#isLimited(app) ? (this.#tallies.get(app)?.here ?? 0) : 0;
  }

  *held(partition: number): Iterable<Subject> {
    for (const tally of this.#tallies.values())
      if (tally.partition === partition && this.count(tally.app) > 0) yield subjectOf(tally);
  }

  #tally(app: AppId): Tally {
    const known = this.#tallies.get(app);
    if (known !== undefined) return known;
    const key = connectionsKey(app);
    const fresh: Tally = {
      app,
      key,
      partition: this.#parts.store.partitionOf(key),
      here: 0,
      elsewhere: 0,
      asked: false,
      isWatched: false,
      isReported: false,
    };
    this.#tallies.set(app, fresh);
    return fresh;
  }

  #isLimited(app: AppId): boolean {
    return (this.#parts.apps.byId(app)?.limits.maxConnections ?? null) !== null;
  }

  #limited(): readonly Tally[] {
    const { apps } = this.#parts;
    return apps.all().flatMap(({ id, limits }) => {
      return limits.maxConnections === null ? [] : [this.#tally(id)];
    });
  }

  #report(tally: Tally): void {
    const isLimited = this.#isLimited(tally.app);
    if (isLimited || tally.isReported) this.#parts.changed(subjectOf(tally));
    tally.isReported = isLimited;
  }

  #forgetIdle(tally: Tally): void {
    if (tally.here === 0 && !this.#isLimited(tally.app)) this.#tallies.delete(tally.app);
  }

  #round(): readonly Tally[] {
    this.#rounds += 1;
    for (const tally of this.#tallies.values()) {
      const isLimited = this.#isLimited(tally.app);
      // A limit may have come or gone.
      if (tally.isReported !== isLimited) this.#report(tally);
      tally.isWatched = (tally.asked || tally.here > 0) && isLimited;
      tally.asked = false;
      this.#forgetIdle(tally);
    }
    if (this.#rounds % ROUNDS_OF_ALL === 0) return this.#limited();
    return [...this.#tallies.values()].filter(({ isWatched }) => isWatched);
  }

  async #read(tallies: readonly Tally[]): Promise<void> {
    const partitions = new Map<number, Tally[]>();
    for (const tally of tallies) {
      const others = partitions.get(tally.partition);
      if (others === undefined) partitions.set(tally.partition, [tally]);
      else others.push(tally);
    }
    const { store } = this.#parts;
    const read = [...partitions].map(async ([partition, of]) => {
      const keys = of.map(({ key }) => key);
      const counts = await store.elsewhere(partition, this.#parts.incarnationOf(partition), keys);
      for (const [at, tally] of of.entries()) tally.elsewhere = Math.max(counts[at] ?? 0, 0);
    });
    // One line for a store that is away, and not one for each partition.
    const failed = (await Promise.allSettled(read)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') this.#parts.onFailed(failed.reason);
  }
}

function subjectOf({ key }: Tally): Subject {
  return { kind: 'channel', channel: key };
}
