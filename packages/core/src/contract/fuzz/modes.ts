import type { NetworkFaults } from './network.ts';
import type { WorkerFaults } from './worker.ts';

/** What goes wrong in a run, and what is promised all the same. */
export interface FuzzMode {
  readonly network: NetworkFaults;
  readonly worker: WorkerFaults;
  /** How often per simulated minute each of these happens. */
  readonly crashes: number;
  readonly pauses: number;
  readonly leaves: number;
  readonly stalls: number;
  /** The store's clock jumps by ten seconds or twenty, forth or back. */
  readonly skews: number;
  /** The store comes back as of its last snapshot. */
  readonly failovers: number;
  /** The store comes back empty. */
  readonly wipes: number;
  /** A socket sends a client event. */
  readonly clientEvents: number;
  /** The outbox and the lanes hold next to nothing. */
  readonly tiny: boolean;
  /** The app hears everything once and in turns. Counts are right in every mode. */
  readonly exactEvents: boolean;
  /** Nobody polls: edges alone tend, and nobody is told anything. */
  readonly noWorkers: boolean;
  /** No edge is ever written off. */
  readonly noFences: boolean;
}

const none: FuzzMode = {
  network: { lostRequest: 0, lostReply: 0, late: 0 },
  worker: { crash: 0, pause: 0, refusal: 0 },
  crashes: 0,
  pauses: 0,
  leaves: 0,
  stalls: 0,
  skews: 0,
  failovers: 0,
  wipes: 0,
  clientEvents: 0,
  tiny: false,
  exactEvents: true,
  noWorkers: false,
  noFences: false,
};

const lossy: Pick<FuzzMode, 'network' | 'worker'> = {
  network: { lostRequest: 0.04, lostReply: 0.04, late: 0.04 },
  worker: { crash: 0.08, pause: 0.05, refusal: 0.1 },
};

export const fuzzModes = {
  network: { ...none, ...lossy, leaves: 2 },
  crash: { ...none, ...lossy, crashes: 6, pauses: 4, leaves: 2 },
  stall: { ...none, stalls: 3, noFences: true },
  alone: {
    ...none,
    ...lossy,
    crashes: 5,
    pauses: 3,
    leaves: 2,
    stalls: 1,
    noWorkers: true,
    exactEvents: false,
  },
  aloneStall: { ...none, stalls: 3, noWorkers: true, exactEvents: false, noFences: true },
  clock: { ...none, skews: 6, noFences: true },
  storm: { ...none, ...lossy, crashes: 4, pauses: 3, stalls: 2, leaves: 2 },
  full: { ...none, ...lossy, crashes: 4, pauses: 2, tiny: true },
  failover: { ...none, ...lossy, crashes: 3, failovers: 6 },
  talk: { ...none, ...lossy, crashes: 4, pauses: 3, stalls: 2, leaves: 2, clientEvents: 480 },
  'talk-full': { ...none, ...lossy, crashes: 2, tiny: true, clientEvents: 60 },
  'talk-failover': { ...none, ...lossy, crashes: 3, failovers: 6, clientEvents: 60 },
  wipe: { ...none, ...lossy, crashes: 2, wipes: 2, exactEvents: false },
} as const satisfies Readonly<Record<string, FuzzMode>>;

export type FuzzModeName = keyof typeof fuzzModes;
