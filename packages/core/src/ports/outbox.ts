import type { AppId } from '@fanfare/protocol';
import type { Subject, Tended } from './state.ts';

/** What a webhook can tell. Values are strings, but for the count: several SDKs read nothing else. */
export type WebhookEvent =
  | {
      readonly name: 'channel_occupied' | 'channel_vacated';
      readonly channel: string;
    }
  | {
      readonly name: 'member_added' | 'member_removed';
      readonly channel: string;
      readonly user_id: string;
    }
  | {
      readonly name: 'cache_miss';
      readonly channel: string;
    }
  | {
      readonly name: 'client_event';
      readonly channel: string;
      readonly event: string;
      readonly data: string;
      readonly socket_id: string;
      readonly user_id?: string;
    }
  | {
      readonly name: 'subscription_count';
      readonly channel: string;
      readonly subscription_count: number;
    };

/** An event with a place: ids grow within a partition and stay the same through every retry. */
export interface OutboxEntry {
  readonly id: string;
  /** When it happened, by the store's clock. */
  readonly timeMs: number;
  readonly event: WebhookEvent;
}

/** The events of one app that no hook has been chosen for yet. */
export interface Unrouted {
  readonly app: AppId;
  readonly entries: readonly OutboxEntry[];
}

/** Which entries go to which lane of the app; what no lane wants is dropped. */
export interface Routing {
  readonly hook: string;
  readonly entries: readonly OutboxEntry[];
}

/** A lane that a worker holds for a while: the undelivered events of one hook, oldest first. */
export interface ClaimedLane {
  readonly partition: number;
  readonly app: AppId;
  /** The lane's name: the hook's id, or what `replayLane` makes of it. */
  readonly hook: string;
  /** Proves the claim; another worker's is different. */
  readonly token: string;
  /** Attempts that failed before this one. */
  readonly attempts: number;
  readonly entries: readonly OutboxEntry[];
}

/** An event that nobody will try to deliver again, and why. */
export interface DeadLetter {
  readonly entry: OutboxEntry;
  readonly reason: string;
}

/** Why an event is a dead letter that found so many before it that it was never tried. */
export const LANE_FULL = 'lane full';

/** The dead letters that one lane has left behind. */
export interface DeadLane {
  readonly app: AppId;
  readonly hook: string;
  readonly letters: number;
}

/** What waits in a partition. */
export interface Backlog {
  /** Events that no hook has been chosen for yet. */
  readonly unrouted: number;
  readonly lanes: number;
  /** Events in these lanes. */
  readonly events: number;
  /** When the oldest of them happened; undefined when there is none. */
  readonly oldestMs: number | undefined;
  readonly deadLetters: number;
}

/**
 * The lane in which dead letters of a hook are delivered once more. It is its own, since they are
 * older than what the hook's first lane holds, and ids only grow within a lane.
 */
export function replayLane(hook: string): string {
  return `${hookOfLane(hook)}${REPLAY}`;
}

/** The hook whose events a lane holds. */
export function hookOfLane(lane: string): string {
  return isReplayLane(lane) ? lane.slice(0, -REPLAY.length) : lane;
}

export function isReplayLane(lane: string): boolean {
  return lane.endsWith(REPLAY);
}

/** No hook's id contains it. */
const REPLAY = '~';

/**
 * What became of an event that was to be written: `full` when the app's outbox is, `early` when
 * the app has yet to hear of what the event happened amid.
 */
export type Appended = 'taken' | 'full' | 'early';

/** A worker's side of the store. Any number of workers may do any of it at the same time. */
export interface Outbox {
  readonly partitions: number;
  /**
   * Writes an event that no count causes, unless the app has yet to hear that one of the subjects
   * that it happened amid is up, or has heard that it is gone.
   */
  append(
    partition: number,
    app: AppId,
    event: WebhookEvent,
    amid?: readonly Subject[],
  ): Promise<Appended>;
  /**
   * A visit in one step: tends the partition as an edge's `tend` does, claims lanes that are due, and
   * shows what no hook has been chosen for yet. Lanes that this step's events go into are not due yet.
   */
  poll(partition: number, wanted: Wanted): Promise<Polled>;
  /**
   * Moves entries into lanes and takes them out of the app's outbox, in one step; repeating it
   * changes nothing. An entry that finds a lane full becomes a dead letter of that lane at once, so
   * that it holds up no other. Resolves with the lanes that were full and how many letters each got.
   */
  route(
    partition: number,
    from: Unrouted,
    routings: readonly Routing[],
  ): Promise<readonly DeadLane[]>;
  /** Holds the lane for `leaseMs` more from now on. False when the claim was lost meanwhile. */
  renew(lane: ClaimedLane, leaseMs: number): Promise<boolean>;
  /**
   * Before the first attempt: resolves with true once what was claimed has outlived a failover of
   * the store, so that nothing is delivered that the store may forget. A store that cannot forget has none.
   */
  settle?(partition: number): Promise<boolean>;
  /** What is not settled is never delivered, however long it takes. Otherwise a worker waits for a while, and no longer. */
  readonly mustSettle?: boolean;
  /** The entries, the lane's first ones, were delivered. False when the claim was lost meanwhile. */
  acknowledge(lane: ClaimedLane): Promise<boolean>;
  /** They were not; the lane is due again after the delay. False when the claim was lost. */
  postpone(lane: ClaimedLane, delayMs: number): Promise<boolean>;
  /** They never will be: they are kept as dead letters and the lane goes on behind them. */
  abandon(lane: ClaimedLane, reason: string): Promise<boolean>;
  /** Lets go of a claim as if nothing had been tried; the lane is due again after the delay, or at once. */
  release(lane: ClaimedLane, delayMs?: number): Promise<void>;
  backlog(partition: number): Promise<Backlog>;
  /** The lanes that have dead letters, also of hooks and apps that are no more. */
  deadLanes(partition: number): Promise<readonly DeadLane[]>;
  /** The newest dead letters of a lane, oldest first. */
  deadLetters(
    partition: number,
    app: AppId,
    hook: string,
    max: number,
  ): Promise<readonly DeadLetter[]>;
  /**
   * Moves a lane's dead letters, the oldest `max` of them, into the replay lane of hook `to`, which
   * may be another: a corrected address is a new hook. They keep their ids. Resolves with how many
   * were moved: none while that lane still holds those of an earlier replay.
   */
  replay(partition: number, from: DeadLaneName, to: string, max: number): Promise<number>;
}

export type DeadLaneName = Pick<DeadLane, 'app' | 'hook'>;

/** What a worker has room for. */
export interface Wanted {
  /** Proves the claim; a new one with every visit. */
  readonly token: string;
  /** For how long the lanes are held. */
  readonly leaseMs: number;
  readonly lanes: number;
  /** Entries of each lane. */
  readonly entries: number;
  /** Entries of each app that no hook has been chosen for. */
  readonly unrouted: number;
}

export interface Polled {
  /** What the store's clock says. Entries have its times, and the clock of whoever reads them may be another. */
  readonly nowMs: number;
  readonly tended: Tended;
  readonly unrouted: readonly Unrouted[];
  /** In the order in which they were due. */
  readonly lanes: readonly ClaimedLane[];
}
