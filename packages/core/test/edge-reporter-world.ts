import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { channelKey, parseAppId, parseChannelName, type ChannelKey } from '@fanfare/protocol';
import {
  EdgeReporter,
  Failure,
  subjectKey,
  type Appended,
  type CountWish,
  type JoinOutcome,
  type ReporterStore,
  type Subject,
} from '../src/index.ts';

export const PARTITIONS = 4;

const untouched = { reconciled: 0, fenced: 0, reaped: 0 };

/** An edge that counts what it is told to, and a store whose answers come when the test says so. */
export class World {
  answering = false;
  failing = false;
  /** What the store answers to whoever asks when to tend. */
  tendInMs = Infinity;
  /** Who wants to hear counts, and when the store says that they are due. */
  wish: CountWish | undefined;
  tellsIn: { readonly firstMs: number; readonly lastMs: number } | undefined;
  tellInMs = Infinity;
  /** Close to 1: what is spread over an interval comes at its end. */
  random = (): number => 0.999;
  /** The last report, in its order. */
  said: readonly string[] = [];
  /** Nobody is let in. */
  full = false;
  /** What becomes of an event that is written. */
  appended: Appended = 'taken';
  readonly reporter: EdgeReporter;
  readonly told = { registered: 0, reported: 0, failed: 0, fenced: 0 };
  readonly #test: TestContext;
  readonly #partitions: number;
  readonly #counts = new Map<string, { readonly subject: Subject; readonly count: number }>();
  readonly #unanswered: (() => void)[] = [];
  #calls: string[] = [];
  #nowMs = 1_000;

  constructor(test: TestContext, partitions = PARTITIONS) {
    this.#partitions = partitions;
    this.#test = test;
    test.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
    this.reporter = new EdgeReporter({
      store: this.#store(),
      source: {
        count: (subject) => this.#counts.get(subjectKey(subject))?.count ?? 0,
        info: () => '',
        told: () => true,
        wish: () => this.wish,
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
      random: () => this.random(),
    });
  }

  /** Sockets of a channel; the number in its name is its partition. */
  count(name: string, count: number): void {
    this.#count({ kind: 'channel', channel: keyOf(name) }, count);
  }

  /** Sockets of a user on a presence channel. */
  countMember(name: string, user: string, count: number): void {
    this.#count({ kind: 'member', channel: keyOf(name), user }, count);
  }

  async join(name: string, user: string): Promise<JoinOutcome> {
    const subject = { kind: 'member', channel: keyOf(name), user } as const;
    this.#counts.set(subjectKey(subject), { subject, count: 1 });
    return this.reporter.join(subject, '', 100);
  }

  /** A socket of the channel, of the user if one is named, says something. */
  async append(name: string, data: string, user?: string): Promise<boolean> {
    return this.reporter.append(keyOf(name), {
      name: 'client_event',
      channel: name,
      event: 'client-e',
      data,
      socket_id: '1.1',
      ...(user !== undefined && { user_id: user }),
    });
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

  #store(): ReporterStore {
    const fenced = false;
    return {
      partitions: this.#partitions,
      partitionOf,
      register: async (at) => this.#call(`register ${at}`, { fenced, epoch: 'e' }),
      heartbeat: async (at) =>
        this.#call(`heartbeat ${at}`, {
          fenced,
          epoch: 'e',
          version: Number.MAX_SAFE_INTEGER,
          tendInMs: this.tendInMs,
        }),
      tend: async (at) =>
        this.#call(`tend ${at}`, {
          ...untouched,
          tendInMs: this.tendInMs,
          tellInMs: this.tellInMs,
        }),
      report: async (at, _incarnation, _revision, shares) => {
        const said = shares.map(({ subject, count }) => `${shown(subject)}=${count}`);
        this.said = said;
        const { tellsIn } = this;
        return this.#call(`report ${at} ${said.toSorted().join(' ')}`, {
          fenced,
          lost: false,
          ...(tellsIn !== undefined && { tellsIn }),
        });
      },
      join: async (at, _incarnation, _revision, { channel, member }) => {
        const told = `${shown(channel.subject)}=${channel.count} ${shown(member.subject)}`;
        const answer = { fenced, lost: false } as const;
        return this.#call(
          `join ${at} ${told}`,
          this.full
            ? { ...answer, full: true }
            : { ...answer, full: false, roster: { version: 1, members: [] } },
        );
      },
      held: async (at) => this.#call(`held ${at}`, { fenced, shares: [] }),
      leave: async (at) => this.#call(`leave ${at}`, undefined),
      append: async (at, _app, event, amid = []) => {
        assert.ok('data' in event);
        await this.#call(`append ${at} ${[event.data, ...amid.map(shown)].join(' ')}`, undefined);
        return this.appended;
      },
    };
  }
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
