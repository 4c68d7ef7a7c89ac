import type { RetryOptions } from './retry.ts';

export interface WorkerOptions {
  /** How often each partition is looked at. */
  readonly pollMs: number;
  /** Partitions looked at at the same time. */
  readonly visits: number;
  /** Events of one app and partition that are routed in one step. */
  readonly routeEvents: number;
  /** For how long a lane is claimed; longer than a request, or a slow one would be sent twice. */
  readonly leaseMs: number;
  /** Lanes claimed in one step. */
  readonly claimLanes: number;
  /**
   * Lanes held at the same time; beyond it nothing more is claimed. Endpoints that fail, or have not
   * proved themselves yet, may take half of it, so that the others always find room.
   */
  readonly heldLanes: number;
  /** Lanes held for one hook; what comes beyond them goes back to the store. */
  readonly hookLanes: number;
  /** How long lanes of one hook gather before they share a request. */
  readonly mergeMs: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly requests: number;
  readonly requestsPerHost: number;
  /** Lanes that find their hook busy come again after somewhere up to this. */
  readonly spreadMs: number;
  /** When lanes of a hook that nobody here knows are looked at again: another worker may know it. */
  readonly unknownHookMs: number;
  /** How often what waits in a partition is counted. */
  readonly backlogMs: number;
  /** How long a store that failed is left alone. */
  readonly storePauseMs: number;
  /** What a stop may take beyond one request's time: the store has to hear how it ended. */
  readonly stopMs: number;
  /** How long settling may fail before what is not settled is sent all the same. */
  readonly settleMs: number;
  /** How often it is then tried again. */
  readonly settleAgainMs: number;
  readonly retry: RetryOptions;
}

export const workerOptions: WorkerOptions = {
  pollMs: 250,
  visits: 32,
  routeEvents: 500,
  leaseMs: 15_000,
  claimLanes: 50,
  heldLanes: 16_384,
  hookLanes: 128,
  mergeMs: 100,
  maxEvents: 20,
  maxBytes: 262_144,
  timeoutMs: 4_000,
  requests: 256,
  requestsPerHost: 16,
  spreadMs: 500,
  unknownHookMs: 5_000,
  backlogMs: 10_000,
  storePauseMs: 1_000,
  stopMs: 2_000,
  settleMs: 10_000,
  settleAgainMs: 1_000,
  retry: { baseMs: 1_000, capMs: 60_000, retryAfterCapMs: 300_000, giveUpMs: 3_600_000 },
};
