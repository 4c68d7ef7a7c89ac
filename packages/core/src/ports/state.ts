import type { AppId, ChannelKey, ChannelName } from '@fanfare/protocol';

/**
 * Something that is up while at least one socket of the cluster says so: a channel that has
 * subscribers, or a user's membership of a presence channel.
 */
export type Subject =
  | { readonly kind: 'channel'; readonly channel: ChannelKey }
  | { readonly kind: 'member'; readonly channel: ChannelKey; readonly user: string };

/** What one edge says of a subject: an absolute figure, so that saying it again changes nothing. */
export interface Share {
  readonly subject: Subject;
  /** Sockets of this edge. */
  readonly count: number;
  /** The member's `user_info` as JSON; empty for a channel and for a member without one. */
  readonly info: string;
  /** The app has a webhook that wants to hear when the subject comes up. */
  readonly told: boolean;
  /** The app was told before the store lost its data; the store takes note and says nothing. */
  readonly adopted: boolean;
  /** Who is to hear the channel's count; absent when nobody is, and for a member. */
  readonly wish?: CountWish | undefined;
}

/** Who is to hear how many subscriptions a channel has in the cluster. */
export interface CountWish {
  /** Its subscribers, by the roster feed. */
  readonly subscribers: boolean;
  /** The app, by a webhook. */
  readonly app: boolean;
  /** Somebody here has not heard the count yet: it is told even if it did not change. */
  readonly asked: boolean;
}

/** Identifies one life of an edge in one partition; a fenced one is never used again. */
export type Incarnation = string;

export interface RosterMember {
  readonly user: string;
  /** JSON, or empty. */
  readonly info: string;
}

/** The members of a presence channel as of a version. Versions only grow. */
export interface Roster {
  readonly version: number;
  readonly members: readonly RosterMember[];
}

/** One step of a roster: whoever is at `from` and applies it is at `version`. */
export interface RosterChange {
  readonly from: number;
  readonly version: number;
  readonly joined: boolean;
  readonly user: string;
  readonly info: string;
}

export type Registered = { readonly fenced: false; readonly epoch: string } | Fenced;
export type Beat =
  | {
      readonly fenced: false;
      readonly epoch: string;
      readonly version: number;
      readonly tendInMs: number;
    }
  | Fenced;
/** When counts that a report has set in motion are due to be told, by whoever tends then. */
export interface TellsIn {
  readonly firstMs: number;
  readonly lastMs: number;
}
/** `lost`: the store knows less than it had confirmed, so it took nothing; ask it what it holds. */
export type Reported =
  | {
      readonly fenced: false;
      readonly lost: boolean;
      readonly tellsIn?: TellsIn;
    }
  | Fenced;
export type Joined =
  | {
      readonly fenced: false;
      readonly lost: false;
      readonly full: false;
      readonly roster: Roster;
    }
  | { readonly fenced: false; readonly lost: false; readonly full: true }
  | { readonly fenced: false; readonly lost: true }
  | Fenced;
export type Held = { readonly fenced: false; readonly shares: readonly HeldShare[] } | Fenced;
export type HeldShare = Pick<Share, 'subject' | 'count'>;
/** The store has written this incarnation off: take a new one and say everything anew. */
export interface Fenced {
  readonly fenced: true;
}

/** What was found and done in a partition, whoever did it. */
export interface Tended {
  /** Subjects looked at because they were due. */
  readonly reconciled: number;
  /** Incarnations whose lease ran out and that were fenced just now. */
  readonly fenced: number;
  /** Shares of dead incarnations taken away. */
  readonly reaped: number;
}

export interface NextTend {
  readonly tendInMs: number;
  readonly tellInMs: number;
}

/** The place of a report among those of its incarnation. */
export interface Revision {
  readonly version: number;
  /** The last version that the store confirmed. A store that has forgotten it takes nothing more. */
  readonly after: number;
}

/** A member that asks to be let in by way of one of this edge's sockets. */
export interface JoinRequest {
  /** The channel's own share, with the socket that asks: it counts first, so that the app hears of it first. */
  readonly channel: Share;
  readonly member: Share;
  readonly membersMax: number;
}

/** An edge's side of the store. A partition is a stretch of channels whose keys live together. */
export interface ShareStore {
  readonly partitions: number;
  partitionOf(channel: ChannelKey): number;
  /** Takes a lease. `epoch` changes when the store has lost its data. */
  register(partition: number, incarnation: Incarnation): Promise<Registered>;
  /**
   * Renews the lease; `version` is the last report that the store knows, `tendInMs` when the partition
   * is to be tended, by what is known now: Infinity while everybody lives, says so in time, and
   * nothing is due. After half a lease without anybody's heartbeat, `tend` or `poll` the store takes
   * itself for having stood still and fences nobody for a while.
   */
  heartbeat(partition: number, incarnation: Incarnation): Promise<Beat>;
  /**
   * Takes away what dead incarnations held, announces what is due, and tells the counts that are due.
   * Any number of processes may do it; nothing is lost by doing it late but time. `tendInMs` is when
   * to do it again, as for `heartbeat`; `tellInMs` is when the next count is due, Infinity if none is.
   */
  tend(partition: number): Promise<Tended & NextTend>;
  /** A report with a version that is not higher than the last changes nothing. */
  report(
    partition: number,
    incarnation: Incarnation,
    revision: Revision,
    shares: readonly Share[],
  ): Promise<Reported>;
  /** A report of a channel and a member that answers with the roster, or that the channel is full: then it takes neither. */
  join(
    partition: number,
    incarnation: Incarnation,
    revision: Revision,
    request: JoinRequest,
  ): Promise<Joined>;
  /**
   * What the store believes this incarnation holds; for finding writes that a failover lost. It
   * takes a version as a report does, so that no older one can change the answer afterwards.
   */
  held(partition: number, incarnation: Incarnation, version: number): Promise<Held>;
  /** Gives everything back at once and ends the lease. */
  leave(partition: number, incarnation: Incarnation): Promise<void>;
}

/** What an edge asks of the others together. */
export interface ShareReader {
  /**
   * Subscriptions to each of the channels, all of one partition, apart from those that the
   * incarnation has reported: both are of one moment, whatever is on its way.
   */
  elsewhere(
    partition: number,
    incarnation: Incarnation | undefined,
    channels: readonly ChannelKey[],
  ): Promise<readonly number[]>;
}

/** What an API node asks, answered without a question to any edge. */
export interface StateReader {
  counts(channels: readonly ChannelKey[]): Promise<readonly ChannelCounts[]>;
  /** Occupied channels whose name begins with the prefix. */
  occupied(app: AppId, prefix: string): Promise<readonly ChannelName[]>;
  /** Distinct ids of the members of a presence channel. */
  users(channel: ChannelKey): Promise<readonly string[]>;
}

export interface ChannelCounts {
  readonly subscriptions: number;
  /** Distinct users; 0 on a channel that is no presence channel. */
  readonly users: number;
}
