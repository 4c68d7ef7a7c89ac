import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Subject } from '../ports/state.ts';
import { reporterOptions, type ReporterStore } from '../state/reporter-parts.ts';
import { PartitionReporter } from '../state/reporter.ts';
import { subjectKey } from '../state/subject.ts';
import { stateTiming } from '../state/timing.ts';
import { seededRandom } from './fuzz/world.ts';
import { lobby, StateStory, type OpenState } from './state-story.ts';

const { leaseMs, guardMs, downDelayMs } = stateTiming;
const { heartbeatMs } = reporterOptions;
/** What an edge may take on top of a lease before a crash has left no trace. */
const SLACK_MS = 2_000;
const MINUTE = 60_000;
const channel = { kind: 'channel', channel: lobby } as const;

/** What the store wants of its edges where no worker runs. The rules are in this package's SPEC.md. */
export function idleContract(implementation: string, openState: OpenState): void {
  const openEdges = async (seed: number, limits = {}): Promise<Edges> =>
    Edges.open(seed, await StateStory.openLater(openState, limits));

  describe(`Idle contract: ${implementation}`, () => {
    it('[IC1] while every edge lives and nothing is due, nobody tends, and a heartbeat is all there is', async () => {
      await using edges = await openEdges(1);
      for (const name of ['one', 'two', 'three']) edges.add(name).holds(channel, 1);
      await edges.pass(2 * MINUTE);
      assert.deepEqual(edges.calls.tend, 0);
      assert.ok(edges.calls.heartbeat <= 3 * ((2 * MINUTE) / heartbeatMs + 1));
      assert.equal(edges.calls.report, 3);
      assert.equal(await edges.story.subscriptions(lobby), 3);
    });

    for (const seed of [1, 2, 3, 4, 5]) {
      it(`[IC2] a crash has left no trace after a lease and 2 s, with nobody but the other edges (seed ${seed})`, async () => {
        await using edges = await openEdges(seed);
        const [one, two] = [edges.add('one'), edges.add('two')];
        one.holds(channel, 2);
        two.holds(channel, 1);
        one.holds({ kind: 'member', channel: lobby, user: 'ann' }, 1);
        await edges.pass(MINUTE + 700 * seed);
        edges.crash(one);
        await edges.pass(leaseMs + SLACK_MS);
        assert.equal(await edges.story.subscriptions(lobby), 1);
        assert.deepEqual(await edges.story.state.users(lobby), []);
        assert.ok(edges.calls.tend >= 1);
        // What the member's departure has set in motion is told as well, and then there is peace again.
        await edges.pass(downDelayMs + SLACK_MS);
        assert.ok(edges.calls.tend <= 4, `${edges.calls.tend} tends`);
        edges.calls.tend = 0;
        await edges.pass(MINUTE);
        assert.equal(edges.calls.tend, 0);
      });
    }

    it('[IC2] also if it held more than three steps may take away', async () => {
      await using edges = await openEdges(6, { reapShares: 10 });
      const [one, two] = [edges.add('one'), edges.add('two')];
      for (let at = 0; at < 35; at += 1)
        one.holds({ kind: 'member', channel: lobby, user: `user ${at}` }, 1);
      two.holds(channel, 1);
      await edges.pass(MINUTE);
      assert.equal((await edges.story.state.users(lobby)).length, 35);
      edges.crash(one);
      await edges.pass(leaseMs + SLACK_MS);
      assert.deepEqual(await edges.story.state.users(lobby), []);
    });

    it('[IC2] most edges that crash at once are gone when the guard is over at the latest', async () => {
      await using edges = await openEdges(7);
      const names = ['one', 'two', 'three'].map((name) => edges.add(name));
      for (const edge of names) edge.holds(channel, 1);
      await edges.pass(MINUTE);
      for (const edge of names.slice(1)) edges.crash(edge);
      await edges.pass(leaseMs + guardMs + SLACK_MS);
      assert.equal(await edges.story.subscriptions(lobby), 1);
    });

    it('[IC2] what is due is told where no worker runs, and left to the worker where one does', async () => {
      await using edges = await openEdges(8);
      const one = edges.add('one');
      edges.add('two');
      const { state } = edges.story;
      const partition = state.partitionOf(lobby);
      one.holds(channel, 1);
      await edges.pass(MINUTE);
      one.holds(channel, 0);
      await edges.pass(downDelayMs + SLACK_MS);
      assert.equal((await state.backlog(partition)).unrouted, 2);
      await edges.story.told(lobby);
      edges.calls.tend = 0;
      one.holds(channel, 1);
      await edges.pass(MINUTE, () => edges.story.told(lobby));
      one.holds(channel, 0);
      await edges.pass(MINUTE, () => edges.story.told(lobby));
      assert.equal(edges.calls.tend, 0);
    });

    it('[IC4] after the store stood still, a heartbeat that comes first writes nobody off', async () => {
      await using edges = await openEdges(9);
      const names = ['one', 'two', 'three'].map((name) => edges.add(name));
      for (const edge of names) edge.holds(channel, 1);
      await edges.pass(MINUTE);
      edges.story.stall(leaseMs + 5_000);
      // Most are back at once, so that only the standstill speaks for the one that is slow.
      const [slow] = names;
      if (slow !== undefined) slow.pausedUntilMs = edges.story.nowMs + guardMs - 500;
      await edges.pass(2 * guardMs);
      assert.equal(edges.fences, 0);
      assert.equal(await edges.story.subscriptions(lobby), 3);
    });

    it('[IC4] an edge alone that stood still itself does not write itself off', async () => {
      await using edges = await openEdges(10);
      const one = edges.add('one');
      one.holds(channel, 1);
      await edges.pass(MINUTE);
      one.pausedUntilMs = edges.story.nowMs + 3 * leaseMs;
      await edges.pass(5 * leaseMs);
      assert.equal(edges.fences, 0);
      assert.equal(await edges.story.subscriptions(lobby), 1);
    });
  });
}

/** Edges that decide for themselves what to ask the store, and a count of what they ask. */
class Edges implements AsyncDisposable {
  readonly story: StateStory;
  readonly calls = { heartbeat: 0, tend: 0, report: 0 };
  fences = 0;
  readonly #random: () => number;
  readonly #living = new Set<IdleEdge>();

  private constructor(seed: number, story: StateStory) {
    this.story = story;
    this.#random = seededRandom(seed);
  }

  static open(seed: number, story: StateStory): Edges {
    return new Edges(seed, story);
  }

  add(name: string): IdleEdge {
    const edge = new IdleEdge(name, this, this.#random);
    this.#living.add(edge);
    return edge;
  }

  crash(edge: IdleEdge): void {
    this.#living.delete(edge);
  }

  async pass(ms: number, also: () => Promise<unknown> = async () => undefined): Promise<void> {
    const endMs = this.story.nowMs + ms;
    for (let step = 0; this.story.nowMs < endMs; step += 1) {
      this.story.stall(STEP_MS);
      for (const edge of this.#living) await edge.turn(this.story.nowMs);
      if (step % 20 === 0) await also();
    }
  }

  get store(): ReporterStore {
    const { state } = this.story;
    return {
      partitions: state.partitions,
      partitionOf: (key) => state.partitionOf(key),
      register: (...args) => state.register(...args),
      heartbeat: (...args) => {
        this.calls.heartbeat += 1;
        return state.heartbeat(...args);
      },
      tend: (...args) => {
        this.calls.tend += 1;
        return state.tend(...args);
      },
      report: (...args) => {
        this.calls.report += 1;
        return state.report(...args);
      },
      join: (...args) => state.join(...args),
      held: (...args) => state.held(...args),
      leave: (...args) => state.leave(...args),
      append: (...args) => state.append(...args),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.story[Symbol.asyncDispose]();
  }
}

const STEP_MS = 50;

/** An edge's reporter of one partition, with the sockets that a test gives it. */
class IdleEdge {
  pausedUntilMs = 0;
  readonly #counts = new Map<string, { readonly subject: Subject; readonly count: number }>();
  readonly #reporter: PartitionReporter;

  constructor(name: string, edges: Edges, random: () => number) {
    const { store } = edges;
    let incarnations = 0;
    this.#reporter = new PartitionReporter(store.partitionOf(lobby), {
      store,
      source: {
        count: (subject) => this.#counts.get(subjectKey(subject))?.count ?? 0,
        info: () => '',
        told: () => true,
        wish: () => undefined,
        held: () =>
          [...this.#counts.values()].filter(({ count }) => count > 0).map(({ subject }) => subject),
      },
      events: {
        fenced: () => {
          edges.fences += 1;
        },
        stateLost() {},
        reported() {},
        failed(error) {
          throw error;
        },
      },
      options: reporterOptions,
      newIncarnation: () => {
        incarnations += 1;
        return `${name}.${incarnations}`;
      },
      random,
      appendRoom: { left: 0 },
      onAwaited() {},
    });
    this.#reporter.keepLease();
  }

  holds(subject: Subject, count: number): void {
    this.#counts.set(subjectKey(subject), { subject, count });
    this.#reporter.changed(subject);
  }

  async turn(nowMs: number): Promise<void> {
    if (nowMs < this.pausedUntilMs) return;
    while (this.#reporter.wantsToRun(nowMs)) await this.#reporter.run(nowMs);
  }
}
