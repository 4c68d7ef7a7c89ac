import type { ChannelKey } from '@fanfare/protocol';
import { appOfKey, channelOfKey } from '@fanfare/protocol';
import type { Outbox, OutboxEntry } from '../../ports/outbox.ts';
import type { ShareStore, StateReader } from '../../ports/state.ts';
import type { UserReader } from '../../ports/users.ts';
import { parseSubjectKey, type SubjectKey } from '../../state/subject.ts';
import { outboxLimits, type OutboxLimits } from '../../state/timing.ts';
import { AppView } from './app-view.ts';
import { inWords } from '../state-story.ts';
import { FuzzEdge, type FuzzChannel } from './edge.ts';
import type { FuzzMode } from './modes.ts';
import { Network } from './network.ts';
import { FuzzWorker, HOOKS } from './worker.ts';
import { World } from './world.ts';

/** A store under test: one partition of it, whose past can be kept and brought back. */
export interface FuzzStore extends AsyncDisposable {
  readonly state: ShareStore & StateReader & UserReader & Outbox;
  readonly partition: number;
  /** Names of channels that are all in the partition. */
  readonly channels: readonly ChannelKey[];
  /** The channels of users, all in the partition as well. */
  readonly users: readonly ChannelKey[];
  snapshot(): Promise<void>;
  restore(): Promise<void>;
  wipe(): Promise<void>;
}

export type OpenFuzzStore = (nowMs: () => number, limits: OutboxLimits) => Promise<FuzzStore>;

export interface FuzzOutcome {
  /** Empty when everything that is promised was kept. */
  readonly wrong: readonly string[];
  readonly calls: number;
  /** What the hooks were told, and when; channels by their number, so that stores compare. */
  readonly told: readonly string[];
  readonly fences: number;
}

const CHAOS_MS = 30_000;
/** Longer than what is late, the lease, the guard and the delay together. */
const QUIET_MS = 65_000;
const SNAPSHOT_MS = 1_500;
export const FUZZ_CHANNELS = 8;
export const FUZZ_USERS = 2;
const USERS = ['ann', 'bob', 'cy\tn', 'dé', 'eve', '@v'];

/** Lets edges, workers and faults loose on a store for half a simulated minute, waits until all is quiet, and compares. */
export async function runFuzz(
  seed: number,
  mode: FuzzMode,
  openStore: OpenFuzzStore,
): Promise<FuzzOutcome> {
  const limits = mode.tiny ? { ...outboxLimits, unroutedEvents: 3, laneEvents: 4 } : outboxLimits;
  const world = new World(seed);
  await using store = await openStore(() => world.nowMs + world.skewMs, limits);
  const run = new Run(world, mode, store);
  await run.chaos();
  await run.quiet();
  return await run.outcome();
}

class Run {
  readonly #world: World;
  readonly #mode: FuzzMode;
  readonly #store: FuzzStore;
  readonly #network: Network;
  readonly #channels: readonly FuzzChannel[];
  readonly #views = new Map<string, AppView>(HOOKS.map((hook) => [hook, new AppView()]));
  readonly #workers: readonly FuzzWorker[];
  readonly #edges: FuzzEdge[] = [];
  #edgeCount = 0;
  #gone: FuzzEdge[] = [];
  #calm = false;
  #failovers = 0;
  #waitingForSnapshot: (() => void)[] = [];

  constructor(world: World, mode: FuzzMode, store: FuzzStore) {
    this.#world = world;
    this.#mode = mode;
    this.#store = store;
    this.#network = new Network(world, mode.network);
    const users = store.users.map((key) => ({ key, presence: false, told: false, counted: false }));
    const channels = store.channels.map((key, at) => ({
      key,
      presence: at % 2 === 1,
      told: at % 4 !== 2,
      counted: at % 4 !== 0,
    }));
    this.#channels = [...channels, ...users];
    for (let at = 0; at < 4; at += 1) this.#edges.push(this.#newEdge());
    const workers = mode.noWorkers ? [] : ['one', 'two'];
    this.#workers = workers.map((name) => this.#newWorker(name));
  }

  async chaos(): Promise<void> {
    const { crashes, pauses, leaves, stalls, skews, failovers, wipes, clientEvents } = this.#mode;
    this.#often(480, () => this.#moveSocket());
    this.#often(clientEvents, () => this.#say());
    this.#often(crashes, () => this.#replace((edge) => edge.crash()));
    this.#often(leaves, () => this.#replace((edge) => void edge.leave()));
    this.#often(pauses, () => {
      this.#world.pick(this.#edges).pausedUntilMs =
        this.#world.nowMs + this.#world.between(1_000, 30_000);
    });
    this.#often(stalls, () => {
      this.#network.stalledUntilMs = this.#world.nowMs + this.#world.between(1_000, 15_000);
    });
    this.#often(skews, () => {
      this.#world.skewMs = this.#world.pick([-10_000, 0, 10_000]);
    });
    this.#often(wipes, () => this.#store.wipe());
    if (failovers > 0) this.#replicate();
    this.#often(failovers, () => this.#failOver());
    await this.#world.runFor(CHAOS_MS);
  }

  async quiet(): Promise<void> {
    this.#calm = true;
    this.#network.faults = { lostRequest: 0, lostReply: 0, late: 0 };
    for (const worker of this.#workers) worker.calm();
    await this.#world.runFor(QUIET_MS);
  }

  async outcome(): Promise<FuzzOutcome> {
    const { exactEvents, noFences } = this.#mode;
    const fences = [...this.#edges, ...this.#gone].reduce((sum, edge) => sum + edge.fences, 0);
    const truth = this.#truth();
    const wrong = [...(await this.#compareCounts(truth))];
    if (noFences && fences > 0) wrong.push(`${fences} edges were fenced`);
    const told: string[] = [];
    for (const [hook, view] of this.#views) {
      const dead = await this.#deadLetters(hook);
      // What is given up is not told, but is not lost either.
      if (exactEvents) wrong.push(...this.#compareView(hook, view.with(dead), truth));
      if (hook === 'every') wrong.push(...this.#compareSaid(view.with(dead)));
      if (exactEvents && hook === 'every')
        wrong.push(...view.with(dead).wrongCounts(this.#counts(truth)));
      const twice = dead.filter((entry) => view.history.some(({ id }) => id === entry.id));
      wrong.push(...twice.map(({ id }) => `hook ${hook} was told what is a dead letter: ${id}`));
      told.push(
        ...view.history.map((entry) => `${hook}: ${this.#describe(entry)}`),
        ...dead.map((entry) => `${hook}, dead: ${this.#describe(entry)}`),
      );
    }
    return { wrong, calls: this.#network.calls, told, fences };
  }

  async #deadLetters(hook: string): Promise<readonly OutboxEntry[]> {
    const { state, partition, channels } = this.#store;
    const [app] = channels.map(appOfKey);
    if (app === undefined) return [];
    const letters = await state.deadLetters(partition, app, hook, outboxLimits.deadLetters);
    return letters.map(({ entry }) => entry);
  }

  #describe({ timeMs, event }: OutboxEntry): string {
    const at = this.#channels.findIndex(({ key }) => channelOfKey(key) === event.channel);
    return `${timeMs} ${inWords({ ...event, channel: String(at) })}`;
  }

  #newEdge(): FuzzEdge {
    this.#edgeCount += 1;
    return new FuzzEdge(`edge${this.#edgeCount}`, {
      world: this.#world,
      network: this.#network,
      store: this.#store.state,
      partition: this.#store.partition,
      isTold: (key) => this.#channels.some((channel) => channel.key === key && channel.told),
      isCounted: (key) => this.#channels.some((channel) => channel.key === key && channel.counted),
    });
  }

  #newWorker(name: string): FuzzWorker {
    return new FuzzWorker({
      name,
      world: this.#world,
      network: this.#network,
      outbox: this.#store.state,
      partition: this.#store.partition,
      faults: this.#mode.worker,
      replicated: (before) => this.#replicated(before),
      failovers: () => this.#failovers,
      deliver: (hook, entries) => this.#views.get(hook)?.take(entries),
    });
  }

  /** At random moments, until all is to be quiet. */
  #often(perMinute: number, act: () => unknown): void {
    if (perMinute === 0) return;
    const delayMs = Math.round(-Math.log(1 - this.#world.random()) * (60_000 / perMinute));
    this.#world.after(delayMs, async () => {
      if (this.#calm) return;
      await act();
      this.#often(perMinute, act);
    });
  }

  #moveSocket(): void {
    const world = this.#world;
    const edge = world.pick(this.#edges);
    // What has no time makes no sockets.
    if (edge.isPaused) return;
    if (world.chance(0.03)) edge.closeAll();
    else if (world.chance(0.5)) edge.open(world.pick(this.#channels), world.pick(USERS));
    else edge.closeOne();
  }

  #say(): void {
    const edge = this.#world.pick(this.#edges);
    if (!edge.isPaused) edge.say();
  }

  #replace(end: (edge: FuzzEdge) => void): void {
    const at = this.#world.between(0, this.#edges.length - 1);
    const [edge] = this.#edges.splice(at, 1, this.#newEdge());
    if (edge === undefined) return;
    end(edge);
    this.#gone.push(edge);
  }

  /** A replica that is behind by up to `SNAPSHOT_MS`. */
  #replicate(): void {
    this.#world.after(SNAPSHOT_MS, async () => {
      await this.#store.snapshot();
      for (const go of this.#waitingForSnapshot.splice(0)) go();
      this.#replicate();
    });
  }

  async #failOver(): Promise<void> {
    // A replica that knows nothing yet would be a loss of everything.
    if (this.#world.elapsedMs < 6_000) return;
    this.#failovers += 1;
    await this.#store.restore();
    for (const go of this.#waitingForSnapshot.splice(0)) go();
  }

  async #replicated(failoversBefore: number): Promise<boolean> {
    if (this.#mode.failovers === 0) return true;
    await new Promise<void>((resolve) => {
      this.#waitingForSnapshot.push(resolve);
    });
    return this.#failovers === failoversBefore;
  }

  #truth(): ReadonlyMap<SubjectKey, number> {
    const truth = new Map<SubjectKey, number>();
    for (const { counts } of this.#edges)
      for (const [key, count] of counts) truth.set(key, (truth.get(key) ?? 0) + count);
    return truth;
  }

  async #compareCounts(truth: ReadonlyMap<SubjectKey, number>): Promise<readonly string[]> {
    const { state, channels } = this.#store;
    const wrong: string[] = [];
    const counts = await state.counts(channels);
    const [app] = channels.map(appOfKey);
    const occupied = app === undefined ? [] : await state.occupied(app, 'channel-');
    for (const [at, channel] of channels.entries()) {
      const name = channelOfKey(channel);
      const [expected, found] = [truth.get(`c\t${channel}`) ?? 0, counts[at]?.subscriptions];
      if (found !== expected) wrong.push(`${name} has ${expected} subscriptions, not ${found}`);
      const users = usersIn(truth, channel);
      const foundUsers = (await state.users(channel)).toSorted();
      if (foundUsers.join() !== users.join())
        wrong.push(`${name} has users ${users.join()}, not ${foundUsers.join()}`);
      if (counts[at]?.users !== users.length)
        wrong.push(`${name} has ${users.length} users, not ${counts[at]?.users}`);
      if (occupied.includes(name) !== expected > 0) wrong.push(`${name} is listed wrongly`);
    }
    return [...wrong, ...(await this.#compareUsers(truth))];
  }

  async #compareUsers(truth: ReadonlyMap<SubjectKey, number>): Promise<readonly string[]> {
    const { state, users } = this.#store;
    const wrong: string[] = [];
    for (const [at, { online }] of (await state.online(users)).entries()) {
      const user = users[at];
      if (online !== truth.has(`c\t${user}`)) wrong.push(`${user} is wrongly ${online}`);
    }
    const [app] = users.map(appOfKey);
    if (app !== undefined && (await state.occupied(app, '#')).length > 0)
      wrong.push('a user is listed');
    return wrong;
  }

  /** What was kept is told, once; a failover may lose what the app was not told yet. */
  #compareSaid({ said }: AppView): readonly string[] {
    const heard = new Set(said);
    const kept = [...this.#edges, ...this.#gone].flatMap((edge) => edge.kept);
    const lossless = this.#mode.failovers === 0 && this.#mode.wipes === 0;
    return [
      ...(heard.size < said.length ? ['a client event was told again'] : []),
      ...(lossless ? kept.filter((id) => !heard.has(id)).map((id) => `${id} was not told`) : []),
    ];
  }

  #counts(truth: ReadonlyMap<SubjectKey, number>): readonly (readonly [string, number])[] {
    const counted = this.#channels.filter((channel) => channel.counted);
    return counted.map(({ key }) => [channelOfKey(key), truth.get(`c\t${key}`) ?? 0] as const);
  }

  #compareView(
    hook: string,
    view: AppView,
    truth: ReadonlyMap<SubjectKey, number>,
  ): readonly string[] {
    const expected = [...truth.keys()]
      .map(parseSubjectKey)
      .filter(({ channel }) => this.#channels.some(({ key, told }) => key === channel && told))
      .filter(({ kind }) => hook === 'every' || kind === 'channel')
      .map((subject) =>
        subject.kind === 'channel'
          ? channelOfKey(subject.channel)
          : `${channelOfKey(subject.channel)} ${subject.user}`,
      );
    const missing = expected.filter((subject) => !view.up.has(subject));
    const stale = [...view.up].filter((subject) => !expected.includes(subject));
    return [
      ...missing.map((subject) => `hook ${hook} does not know that ${subject} is up`),
      ...stale.map((subject) => `hook ${hook} does not know that ${subject} is down`),
      ...view.strays.map((event) => `hook ${hook} was told too early or too late: ${event}`),
      ...(hook === 'every' ? view.disorders : []).map((event) => `told in disorder: ${event}`),
      ...view.repeats.map((event) => `hook ${hook} was told again: ${event}`),
    ];
  }
}

function usersIn(truth: ReadonlyMap<SubjectKey, number>, channel: ChannelKey): readonly string[] {
  return [...truth.keys()]
    .map(parseSubjectKey)
    .flatMap((subject) =>
      subject.kind === 'member' && subject.channel === channel ? [subject.user] : [],
    )
    .toSorted();
}
