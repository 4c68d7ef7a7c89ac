import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { channelKey, parseAppId, parseChannelName, type ChannelKey } from '@fanfare/protocol';
import {
  EdgeReporter,
  edgeReporterOptions,
  Failure,
  isFailure,
  subjectKey,
  type JoinOutcome,
  type ShareStore,
  type Subject,
} from '../src/index.ts';

const { tickMs, heartbeatMs, joinMs, retryMs } = edgeReporterOptions;
const PARTITIONS = 4;

describe('EdgeReporter', () => {
  it('[ER1] what changes in a tick is reported together, one call at a time in a partition', async (test) => {
    const world = setup(test);
    for (const name of ['0-a', '1-a', '2-a', '0-b', '0-c']) world.count(name, 1);
    await world.pass(tickMs - 1);
    assert.deepEqual(world.calls(), []);
    await world.pass(1);
    assert.deepEqual(world.calls(), ['register 0', 'register 1', 'register 2']);
    world.answer();
    await world.pass(0);
    assert.deepEqual(world.calls(), ['report 0 a=1 b=1 c=1', 'report 1 a=1', 'report 2 a=1']);
    world.count('0-a', 0);
    world.count('3-a', 2);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['register 3'], 'the others have not been answered');
    world.answer();
    await world.pass(0);
    assert.deepEqual(world.calls(), ['report 3 a=2']);
    await world.pass(tickMs - 1);
    assert.deepEqual(world.calls(), []);
    await world.pass(1);
    assert.deepEqual(world.calls(), ['report 0 a=0']);
  });

  it('[ER1] at rest there are heartbeats of what has a lease, and before that nothing', async (test) => {
    const world = setup(test);
    world.answering = true;
    await world.pass(10 * heartbeatMs);
    assert.deepEqual(world.calls(), []);
    world.count('1-a', 1);
    await world.pass(tickMs);
    world.count('2-a', 1);
    await world.pass(tickMs);
    assert.equal(world.calls().length, 4);
    await world.pass(heartbeatMs - tickMs - 1);
    assert.deepEqual(world.calls(), []);
    await world.pass(2 * tickMs);
    assert.deepEqual(world.calls(), ['heartbeat 1', 'heartbeat 2']);
    await world.pass(heartbeatMs + 2 * tickMs);
    assert.deepEqual(world.calls(), ['heartbeat 1', 'heartbeat 2']);
  });

  it('[ER1] a change that was undone within the tick is not reported', async (test) => {
    const world = setup(test);
    world.answering = true;
    world.count('1-a', 1);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['register 1', 'report 1 a=1']);
    world.count('1-a', 0);
    world.count('1-a', 1);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), []);
  });

  it('[ER2] joins go out in the turn that brought them, and the next as soon as one is answered', async (test) => {
    const world = setup(test);
    world.count('0-room', 1);
    const joins = [world.join('0-room', 'x'), world.join('0-room', 'y'), world.join('1-room', 'x')];
    await world.pass(0);
    assert.deepEqual(world.calls(), ['register 0', 'register 1']);
    world.answer();
    await world.pass(0);
    assert.deepEqual(world.calls(), ['join 0 x', 'join 1 x']);
    world.answer();
    await world.pass(0);
    assert.deepEqual(world.calls(), ['join 0 y']);
    world.answer();
    await world.pass(0);
    for (const join of joins) assert.equal((await join).full, false);
    assert.deepEqual(world.calls(), [], 'the count can wait');
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['report 0 room=1']);
  });

  it('[ER3] a place that is not granted in time is given up, and not asked for again', async (test) => {
    const world = setup(test);
    world.failing = true;
    const join = world.join('0-room', 'x');
    const refused = assert.rejects(join, (error) => isFailure(error, 'unavailable'));
    await world.pass(joinMs - retryMs);
    assert.ok(world.calls().length > 10, 'it was tried until then');
    await world.pass(2 * retryMs);
    await refused;
    world.calls();
    world.failing = false;
    world.answering = true;
    await world.pass(10 * retryMs);
    assert.deepEqual(world.calls(), []);
  });

  it('[ER4] what fails is told and said again after a pause, as it is by then', async (test) => {
    const world = setup(test);
    world.answering = true;
    world.count('0-a', 1);
    await world.pass(tickMs);
    world.calls();
    world.failing = true;
    world.count('0-a', 2);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['report 0 a=2']);
    assert.equal(world.told.failed, 1);
    world.failing = false;
    world.count('0-a', 3);
    await world.pass(retryMs - 1);
    assert.deepEqual(world.calls(), []);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['report 0 a=3']);
    assert.deepEqual(world.told, { registered: 1, reported: 2, failed: 1, fenced: 0 });
  });

  it('[ER5] leaving gives back every lease, also one that is being taken, and ends everything', async (test) => {
    const world = setup(test);
    world.answering = true;
    world.count('0-a', 1);
    await world.pass(tickMs);
    world.answering = false;
    world.count('1-a', 1);
    world.count('0-a', 2);
    const granted = world.join('2-room', 'x');
    const refused = assert.rejects(world.join('2-room', 'y'), (error) =>
      isFailure(error, 'closed'),
    );
    await world.pass(tickMs);
    assert.deepEqual(world.calls().slice(2), ['register 2', 'report 0 a=2', 'register 1']);
    const left = world.reporter.leave();
    await world.pass(0);
    assert.deepEqual(world.calls(), [], 'what is on its way is waited for');
    world.answering = true;
    world.answer();
    await world.pass(0);
    await left;
    assert.equal((await granted).full, false);
    await refused;
    const calls = world.calls().filter((call) => call.startsWith('leave'));
    assert.deepEqual(calls.toSorted(), ['leave 0', 'leave 1', 'leave 2']);
    world.count('0-a', 3);
    await assert.rejects(world.join('0-room', 'x'), (error) => isFailure(error, 'closed'));
    await world.pass(2 * heartbeatMs);
    await world.reporter.leave();
    assert.deepEqual(world.calls(), []);
  });

  it('[ER5] a store that is away keeps nobody from leaving', async (test) => {
    const world = setup(test);
    world.answering = true;
    world.count('0-a', 1);
    await world.pass(tickMs);
    world.failing = true;
    await world.reporter.leave();
    assert.equal(world.told.failed, 1);
  });
});

/** An edge that counts what it is told to, and a store whose answers come when the test says so. */
class World {
  answering = false;
  failing = false;
  readonly reporter: EdgeReporter;
  readonly told = { registered: 0, reported: 0, failed: 0, fenced: 0 };
  readonly #test: TestContext;
  readonly #counts = new Map<string, { readonly subject: Subject; readonly count: number }>();
  readonly #unanswered: (() => void)[] = [];
  #calls: string[] = [];
  #nowMs = 1_000;

  constructor(test: TestContext) {
    this.#test = test;
    test.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
    this.reporter = new EdgeReporter({
      store: this.#store(),
      source: {
        count: (subject) => this.#counts.get(subjectKey(subject))?.count ?? 0,
        info: () => '',
        told: () => false,
        held: (partition) =>
          [...this.#counts.values()]
            .filter(({ subject, count }) => count > 0 && partitionOf(subject.channel) === partition)
            .map(({ subject }) => subject),
      },
      events: {
        registered: () => void (this.told.registered += 1),
        reported: () => void (this.told.reported += 1),
        failed: () => void (this.told.failed += 1),
        fenced: () => void (this.told.fenced += 1),
        stateLost() {},
      },
      nowMs: () => this.#nowMs,
      newIncarnation: () => 'one',
    });
  }

  /** Sockets of a channel; the number in its name is its partition. */
  count(name: string, count: number): void {
    this.#count({ kind: 'channel', channel: keyOf(name) }, count);
  }

  async join(name: string, user: string): Promise<JoinOutcome> {
    const subject = { kind: 'member', channel: keyOf(name), user } as const;
    this.#counts.set(subjectKey(subject), { subject, count: 1 });
    return this.reporter.join(subject, '', 100);
  }

  /** Lets time pass in small steps, and everything happen that it brings. */
  async pass(ms: number): Promise<void> {
    await this.#settle();
    for (let left = ms; left > 0;) {
      const step = Math.min(left, ms > 500 ? 10 : 1);
      this.#nowMs += step;
      this.#test.mock.timers.tick(step);
      await this.#settle();
      left -= step;
    }
  }

  /** Answers what has been asked so far. */
  answer(): void {
    for (const answer of this.#unanswered.splice(0)) answer();
  }

  /** What the store was asked since the last look, in order. */
  calls(): readonly string[] {
    const calls = this.#calls;
    this.#calls = [];
    return calls;
  }

  #count(subject: Subject, count: number): void {
    this.#counts.set(subjectKey(subject), { subject, count });
    this.reporter.changed(subject);
  }

  async #settle(): Promise<void> {
    this.#test.mock.timers.tick(0);
    for (let turns = 0; turns < 50; turns += 1) await Promise.resolve();
  }

  async #call<T>(call: string, answer: T): Promise<T> {
    this.#calls.push(call);
    if (this.failing) throw new Failure('unavailable', 'the store is away');
    if (!this.answering) await new Promise<void>((resolve) => void this.#unanswered.push(resolve));
    return answer;
  }

  #store(): ShareStore {
    const fenced = false;
    return {
      partitions: PARTITIONS,
      partitionOf,
      register: async (at) => this.#call(`register ${at}`, { fenced, epoch: 'e' }),
      heartbeat: async (at) =>
        this.#call(`heartbeat ${at}`, { fenced, epoch: 'e', version: Number.MAX_SAFE_INTEGER }),
      report: async (at, _incarnation, _revision, shares) => {
        const said = shares.map(({ subject, count }) => `${shown(subject)}=${count}`);
        return this.#call(`report ${at} ${said.toSorted().join(' ')}`, { fenced, lost: false });
      },
      join: async (at, _incarnation, _revision, { subject }) =>
        this.#call(`join ${at} ${shown(subject)}`, {
          fenced,
          lost: false,
          full: false,
          roster: { version: 1, members: [] },
        }),
      held: async (at) => this.#call(`held ${at}`, { fenced, shares: [] }),
      leave: async (at) => this.#call(`leave ${at}`, undefined),
    };
  }
}

function setup(test: TestContext): World {
  return new World(test);
}

function partitionOf(channel: ChannelKey): number {
  return Number(channel.split('/')[1]?.[0]);
}

function shown(subject: Subject): string {
  return subject.kind === 'member' ? subject.user : subject.channel.slice('1001/0-'.length);
}

function keyOf(name: string): ChannelKey {
  const [app, channel] = [parseAppId('1001'), parseChannelName(name)];
  assert.ok(app !== undefined && channel !== undefined);
  return channelKey(app, channel);
}
