import assert from 'node:assert/strict';
import { channelKey, parseAppId, parseChannelName, type ChannelKey } from '@fanfare/protocol';
import type { Outbox, OutboxEntry, WebhookEvent } from '../ports/outbox.ts';
import type { RosterReader } from '../ports/roster-feed.ts';
import type {
  Joined,
  JoinRequest,
  Reported,
  RosterChange,
  Share,
  ShareReader,
  ShareStore,
  StateReader,
  Subject,
} from '../ports/state.ts';
import type { UserReader, UserTerminator } from '../ports/users.ts';
import { outboxLimits, stateTiming, type OutboxLimits } from '../state/timing.ts';

export type State = ShareStore &
  ShareReader &
  StateReader &
  RosterReader &
  UserReader &
  UserTerminator &
  Outbox;

/** An empty store whose clock the test moves. Its times are those of `stateTiming`. */
export interface StateUnderTest extends AsyncDisposable {
  readonly state: State;
  /** Everything is lost, as by FLUSHALL. */
  wipe(): Promise<void>;
  /** From when this resolves, the channel's roster changes can be taken one after the other. */
  follow(channel: ChannelKey): Promise<() => Promise<RosterChange>>;
  /** The same for the channel's counts. */
  followCounts(channel: ChannelKey): Promise<() => Promise<number>>;
}

export type OpenState = (nowMs: () => number, limits: OutboxLimits) => Promise<StateUnderTest>;

/** A store, some edges and a clock. */
export class StateStory implements AsyncDisposable {
  readonly #store: StateUnderTest;
  readonly #clock: { nowMs: number };
  readonly #edges = new Set<StoryEdge>();

  private constructor(store: StateUnderTest, clock: { nowMs: number }) {
    this.#store = store;
    this.#clock = clock;
  }

  static async open(openState: OpenState, limits: Partial<OutboxLimits> = {}): Promise<StateStory> {
    const clock = { nowMs: 1_700_000_000_000 };
    const store = await openState(() => clock.nowMs, { ...outboxLimits, ...limits });
    return new StateStory(store, clock);
  }

  /** One whose first grace is over, so that what comes up is told at once. */
  static async openLater(
    openState: OpenState,
    limits: Partial<OutboxLimits> = {},
  ): Promise<StateStory> {
    const story = await StateStory.open(openState, limits);
    const first = story.edge('first of all');
    for (const channel of [lobby, other, room]) await first.says(channel, 0);
    await story.pass(stateTiming.graceMs);
    await first.leave();
    return story;
  }

  get state(): State {
    return this.#store.state;
  }

  get nowMs(): number {
    return this.#clock.nowMs;
  }

  edge(name: string): StoryEdge {
    const edge = new StoryEdge(name, this.state);
    this.#edges.add(edge);
    return edge;
  }

  /** It says nothing any more, not even that it lives. */
  crash(edge: StoryEdge): void {
    this.#edges.delete(edge);
  }

  wipe(): Promise<void> {
    return this.#store.wipe();
  }

  follow(channel: ChannelKey): Promise<() => Promise<RosterChange>> {
    return this.#store.follow(channel);
  }

  followCounts(channel: ChannelKey): Promise<() => Promise<number>> {
    return this.#store.followCounts(channel);
  }

  /** The clock moves, and nobody does anything. */
  stall(ms: number): void {
    this.#clock.nowMs += ms;
  }

  /** Time passes in which the edges beat and workers tend. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      this.#clock.nowMs += Math.min(left, 500);
      for (const edge of this.#edges) await edge.beat();
      await this.tend();
    }
  }

  /** Resolves with how many incarnations were fenced. */
  async tend(): Promise<number> {
    const partitions = [lobby, other, room].map((channel) => this.state.partitionOf(channel));
    let fenced = 0;
    for (const partition of new Set(partitions))
      fenced += (await this.state.tend(partition)).fenced;
    return fenced;
  }

  /** What was to be told since it was last asked, in words. */
  async told(channel: ChannelKey): Promise<readonly string[]> {
    return (await this.takeEvents(channel)).map(({ event }) => inWords(event));
  }

  async takeEvents(channel: ChannelKey): Promise<readonly OutboxEntry[]> {
    const partition = this.state.partitionOf(channel);
    const taken: OutboxEntry[] = [];
    const wanted = { token: '', leaseMs: 0, lanes: 0, entries: 0, unrouted: 1_000 };
    for (const unrouted of (await this.state.poll(partition, wanted)).unrouted) {
      taken.push(...unrouted.entries);
      await this.state.route(partition, unrouted, []);
    }
    return taken;
  }

  async subscriptions(channel: ChannelKey): Promise<number> {
    const [counts] = await this.state.counts([channel]);
    return counts?.subscriptions ?? NaN;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }
}

/** Speaks for one edge, word by word, where the real reporter would decide by itself. */
export class StoryEdge {
  readonly name: string;
  readonly #state: State;
  readonly #registered = new Map<number, number>();

  constructor(name: string, state: State) {
    this.name = name;
    this.#state = state;
  }

  async says(channel: ChannelKey, count: number, part: Partial<Share> = {}): Promise<Reported> {
    return this.report([{ ...shareOf({ kind: 'channel', channel }, count), ...part }]);
  }

  async saysMember(
    channel: ChannelKey,
    user: string,
    count: number,
    part: Partial<Share> = {},
  ): Promise<Reported> {
    return this.report([{ ...shareOf({ kind: 'member', channel, user }, count), ...part }]);
  }

  async report(shares: readonly Share[]): Promise<Reported> {
    const partition = await this.#partition(shares);
    return this.#state.report(partition, this.name, this.#revision(partition), shares);
  }

  /** Unless the part says otherwise, nobody wants to hear of the channel. */
  async join(
    channel: ChannelKey,
    user: string,
    info = '',
    membersMax = 100,
    part: Partial<Share> = {},
  ): Promise<Joined> {
    const request = joinOf(channel, user, membersMax, { count: 1, told: false, ...part });
    const partition = await this.#partition([request.member]);
    const member = { ...request.member, info };
    return this.#state.join(partition, this.name, this.#revision(partition), {
      ...request,
      member,
    });
  }

  async beat(): Promise<void> {
    for (const partition of this.#registered.keys())
      await this.#state.heartbeat(partition, this.name);
  }

  async leave(): Promise<void> {
    for (const partition of this.#registered.keys()) await this.#state.leave(partition, this.name);
    this.#registered.clear();
  }

  async #partition(shares: readonly Share[]): Promise<number> {
    const [channel] = shares.map(({ subject }) => subject.channel);
    assert.ok(channel !== undefined);
    const partition = this.#state.partitionOf(channel);
    if (!this.#registered.has(partition)) {
      assert.equal((await this.#state.register(partition, this.name)).fenced, false);
      this.#registered.set(partition, 0);
    }
    return partition;
  }

  #revision(partition: number): { readonly version: number; readonly after: number } {
    const after = this.#registered.get(partition) ?? 0;
    this.#registered.set(partition, after + 1);
    return { version: after + 1, after };
  }
}

/** The part is the channel's. */
export function joinOf(
  channel: ChannelKey,
  user: string,
  membersMax: number,
  part: Partial<Share> = {},
): JoinRequest {
  return {
    channel: { ...shareOf({ kind: 'channel', channel }, 1), ...part },
    member: shareOf({ kind: 'member', channel, user }, 1),
    membersMax,
  };
}

export function shareOf(subject: Subject, count: number): Share {
  return { subject, count, info: '', told: true, adopted: false };
}

export function inWords(event: WebhookEvent): string {
  const user = 'user_id' in event ? ` ${event.user_id}` : '';
  const count = 'subscription_count' in event ? ` ${event.subscription_count}` : '';
  return `${event.name} ${event.channel}${user}${count}`;
}

export function key(name: string, app = '1001'): ChannelKey {
  const [id, channel] = [parseAppId(app), parseChannelName(name)];
  assert.ok(id !== undefined && channel !== undefined);
  return channelKey(id, channel);
}

export const lobby = key('lobby');
export const other = key('other');
export const room = key('presence-room');
