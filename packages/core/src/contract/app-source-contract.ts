import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAppId, parseAppKey } from '@fanfare/protocol';
import type { App } from '../app.ts';
import type { AppChange, AppSource, AppSourceEvents } from '../ports/app-registry.ts';

/** Settings of apps by id, each as an apps file has them, without the id. */
export type WrittenApps = Readonly<Record<string, object>>;

/** A place where apps are written, and sources that follow it: each `open` is another process. */
export interface SourceUnderTest extends AsyncDisposable {
  open(events: AppSourceEvents): Promise<AppSource>;
  /** From now on these are the apps, written in one step. */
  write(apps: WrittenApps): Promise<void>;
}

export type OpenSource = (apps: WrittenApps) => Promise<SourceUnderTest>;

/** What every source of apps means, wherever they are written. The rules are in this package's SPEC.md. */
export function appSourceContract(implementation: string, openSource: OpenSource): void {
  describe(`App source contract: ${implementation}`, () => {
    it('[RG1] what is written is told to every process that follows, with each app as it was and is', async () => {
      await using under = await openSource({ 1: one, 2: two });
      const [first, second] = [new Follower(), new Follower()];
      await first.follow(under);
      await second.follow(under);
      await using _first = first;
      await using _second = second;
      assert.deepEqual(first.ids(), ['1', '2']);
      await under.write({ 2: { ...two, enabled: false }, 3: three });
      for (const follower of [first, second]) {
        const changes = await follower.changed();
        const told = changes.map(({ id, before, after }) => [
          id,
          [before?.enabled, after?.enabled],
        ]);
        assert.deepEqual(Object.fromEntries(told), {
          1: [true, undefined],
          2: [true, false],
          3: [undefined, true],
        });
        assert.deepEqual(follower.ids(), ['2', '3']);
        for (const { id, after } of changes) assert.equal(follower.app(id), after);
        assert.equal(follower.byKey('k1'), undefined);
        assert.equal(follower.byKey('k3'), follower.app('3'));
      }
    });

    it('[RG1] the answers have changed when the change is told, all of them', async () => {
      await using under = await openSource({ 1: one });
      const follower = new Follower();
      await follower.follow(under);
      await using _follower = follower;
      const seen: unknown[] = [];
      follower.source.onChange(() => seen.push(follower.ids(), follower.byKey('k3')?.id));
      await under.write({ 2: two, 3: three });
      await follower.changed();
      assert.deepEqual(seen, [['2', '3'], '3']);
    });

    it('[RG2] an app that did not change is the same object, and is not told', async () => {
      await using under = await openSource({ 1: one, 2: two });
      const follower = new Follower();
      await follower.follow(under);
      await using _follower = follower;
      const before = follower.app('1');
      await under.write({ 1: { ...one }, 2: { ...two, clientEvents: false } });
      const changes = await follower.changed();
      assert.deepEqual(
        changes.map(({ id }) => id),
        ['2'],
      );
      assert.equal(follower.app('1'), before);
    });

    it('[RG3] what cannot be used is told once and leaves that app as it was, until it can be', async () => {
      await using under = await openSource({ 1: one, 2: two });
      const follower = new Follower();
      await follower.follow(under);
      await using _follower = follower;
      const before = follower.app('1');
      await under.write({ 1: { ...one, limits: { maxEventBytes: 0 } }, 2: two });
      const problems = await follower.refused();
      assert.match(
        problems.join('\n'),
        /limits\.maxEventBytes: expected a whole number from 1 to \d+, got 0/,
      );
      assert.equal(follower.app('1'), before);
      assert.deepEqual(follower.ids(), ['1', '2']);
      assert.doesNotMatch(problems.join('\n'), /secret/);
      await under.write({ 1: one, 2: two });
      await follower.recovered();
      assert.equal(follower.app('1'), before);
    });

    it('[RG3] a key that stands in two apps makes nobody pass for another', async () => {
      await using under = await openSource({ 1: one, 2: two });
      const follower = new Follower();
      await follower.follow(under);
      await using _follower = follower;
      await under.write({ 1: one, 2: { keys: [{ key: 'k1', secret: 'other' }] } });
      assert.match((await follower.refused()).join('\n'), /stands? nowhere else/);
      assert.equal(follower.byKey('k1'), follower.app('1'));
      assert.equal(follower.byKey('k1')?.keys[0].secret, 's1');
      assert.deepEqual(follower.ids(), ['1', '2']);
      assert.equal(follower.byKey('k2'), follower.app('2'));
    });

    it('[RG4] whoever has stopped listening, or has closed the source, is told nothing more', async () => {
      await using under = await openSource({ 1: one });
      const [stays, stopped, closed] = [new Follower(), new Follower(), new Follower()];
      for (const follower of [stays, stopped, closed]) await follower.follow(under);
      await using _stays = stays;
      await using _stopped = stopped;
      stopped.unfollow();
      await closed[Symbol.asyncDispose]();
      await under.write({ 2: two });
      await stays.changed();
      assert.deepEqual([stopped.told, closed.told], [0, 0]);
    });
  });
}

const one = { keys: [{ key: 'k1', secret: 's1' }] };
const two = { keys: [{ key: 'k2', secret: 's2' }] };
const three = { keys: [{ key: 'k3', secret: 's3' }] };

/** How long what was written may take to be told; a second is promised, and the machine may be busy. */
const PATIENCE_MS = 10_000;

/** A process that follows a source, and what it was told. */
export class Follower implements AsyncDisposable {
  #source: AppSource | undefined;
  #unfollow: (() => void) | undefined;
  readonly #changes = new Told<readonly AppChange[]>('a change');
  readonly #refused = new Told<readonly string[]>('what cannot be used');
  readonly #recovered = new Told<void>('that it can be used again');
  readonly #restored = new Told<number>('that apps were given back');

  async follow(under: Pick<SourceUnderTest, 'open'>): Promise<void> {
    this.#source = await under.open({
      refused: (problems) => this.#refused.push(problems),
      recovered: () => this.#recovered.push(),
      restored: (apps) => this.#restored.push(apps),
    });
    this.#unfollow = this.#source.onChange((changes) => this.#changes.push(changes));
  }

  get source(): AppSource {
    if (this.#source === undefined) throw new Error('the test follows nothing yet');
    return this.#source;
  }

  /** How many changes nobody has asked for yet. */
  get told(): number {
    return this.#changes.size;
  }

  unfollow(): void {
    this.#unfollow?.();
  }

  changed(): Promise<readonly AppChange[]> {
    return this.#changes.next();
  }

  refused(): Promise<readonly string[]> {
    return this.#refused.next();
  }

  recovered(): Promise<void> {
    return this.#recovered.next();
  }

  restored(): Promise<number> {
    return this.#restored.next();
  }

  ids(): readonly string[] {
    return this.source.all().map(({ id }) => String(id));
  }

  app(id: string): App | undefined {
    const parsed = parseAppId(id);
    return parsed && this.source.byId(parsed);
  }

  byKey(key: string): App | undefined {
    const parsed = parseAppKey(key);
    return parsed && this.source.byKey(parsed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source?.[Symbol.asyncDispose]();
  }
}

/** What was told, in order, for whoever asks; fails with a sentence when nothing comes. */
class Told<T> {
  readonly #what: string;
  readonly #items: T[] = [];
  #onItem: (() => void) | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#onItem?.();
  }

  async next(): Promise<T> {
    if (this.#items.length === 0) await this.#arrival();
    return this.#items.shift() as T;
  }

  async #arrival(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#onItem = resolve;
      const late = new Error(`${this.#what} was not told within ${PATIENCE_MS} ms`);
      timer = setTimeout(() => reject(late), PATIENCE_MS);
    }).finally(() => clearTimeout(timer));
  }
}
