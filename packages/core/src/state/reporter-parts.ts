import type { Outbox } from '../ports/outbox.ts';
import type { CountWish, Share, ShareStore, Subject } from '../ports/state.ts';
import type { AppendRoom } from './append-queue.ts';

/** What the reporter asks of whoever knows this edge's sockets. */
export interface ReporterSource {
  /** How many sockets of this edge hold the subject now. Asked at the moment of sending. */
  count(subject: Subject): number;
  /** A member's user_info as JSON, or empty. */
  info(subject: Subject): string;
  /** The subject's app has a webhook that wants to hear of it. */
  told(subject: Subject): boolean;
  /** Who is to hear the subject's count; undefined when nobody is. */
  wish(subject: Subject): CountWish | undefined;
  /** Everything this edge holds in the partition. */
  held(partition: number): Iterable<Subject>;
}

export interface ReporterEvents {
  fenced(partition: number): void;
  stateLost(partition: number): void;
  reported(shares: number, ms: number): void;
  failed(error: unknown): void;
}

export interface ReporterOptions {
  /** Changes gather for so long before they are reported. */
  readonly tickMs: number;
  readonly heartbeatMs: number;
  /** How often what the store believes is compared with what is. */
  readonly auditMs: number;
  /** A partition is tended up to so long after it should be, so that not every edge does it at once. */
  readonly tendMs: number;
  /** Shares in one report. */
  readonly sharesPerReport: number;
  /** Pause after a failed call. */
  readonly retryMs: number;
}

export const reporterOptions: ReporterOptions = {
  tickMs: 25,
  heartbeatMs: 3_000,
  auditMs: 60_000,
  tendMs: 500,
  sharesPerReport: 500,
  retryMs: 200,
};

/** Where a reporter speaks. */
export type ReporterStore = ShareStore & Pick<Outbox, 'append'>;

export interface ReporterParts {
  readonly store: ReporterStore;
  readonly source: ReporterSource;
  readonly events: ReporterEvents;
  readonly options: ReporterOptions;
  readonly newIncarnation: () => string;
  /** Spreads what many partitions and edges do. */
  readonly random: () => number;
  readonly appendRoom: AppendRoom;
  /** An event waits to be appended; there is no need to wait for the tick. */
  readonly onAwaited: () => void;
}

/** The store is to hear of the share although it knows the count. */
export function isAsked({ adopted, wish }: Share): boolean {
  return adopted || wish?.asked === true;
}
