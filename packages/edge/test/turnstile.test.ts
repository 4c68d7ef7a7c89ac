import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Turnstile, type Task } from '../src/turnstile.ts';

const AT_REST = { tasks: 0, bytes: 0 } as const;

describe('The turnstile', () => {
  it('[CN9] lets a task through at once while nobody waits', () => {
    const { turnstile, log, note } = setup();
    turnstile.pass(note('one'), 10);
    turnstile.pass(note('two'), 10);
    assert.deepEqual(log, ['one', 'two']);
    assert.deepEqual(turnstile.waiting, AT_REST);
  });

  it('[CN9] holds up those behind one that waits, and keeps their order', async () => {
    const { turnstile, log, note, waiter } = setup();
    const first = waiter('first');
    const third = waiter('third');
    turnstile.pass(first.task, 1);
    turnstile.pass(note('second'), 2);
    turnstile.pass(third.task, 4);
    turnstile.pass(note('fourth'), 8);
    third.go();
    await turn();
    assert.deepEqual(log, ['first begins']);
    first.go();
    await turn();
    assert.deepEqual(log, ['first begins', 'first', 'second', 'third begins', 'third', 'fourth']);
  });

  it('[CN9] a task that comes while the last one of the queue runs waits for it', async () => {
    const { turnstile, log, note, waiter } = setup();
    const [first, second] = [waiter('first'), waiter('second')];
    turnstile.pass(first.task, 1);
    turnstile.pass(second.task, 1);
    first.go();
    await turn();
    turnstile.pass(note('third'), 1);
    await turn();
    assert.deepEqual(log, ['first begins', 'first', 'second begins']);
    second.go();
    await turn();
    assert.deepEqual(log.slice(3), ['second', 'third']);
  });

  it('[CN12] says how much waits: not what runs, and not what had its turn', async () => {
    const { turnstile, note, waiter } = setup();
    const [first, third] = [waiter('first'), waiter('third')];
    turnstile.pass(first.task, 1);
    assert.deepEqual(turnstile.waiting, AT_REST);
    turnstile.pass(note('second'), 2);
    turnstile.pass(third.task, 4);
    turnstile.pass(note('fourth'), 8);
    assert.deepEqual(turnstile.waiting, { tasks: 3, bytes: 14 });
    first.go();
    await turn();
    assert.deepEqual(turnstile.waiting, { tasks: 1, bytes: 8 });
    third.go();
    await turn();
    assert.deepEqual(turnstile.waiting, AT_REST);
  });

  it('[ED4] a task that throws is told to the owner, and those behind it have their turn', async () => {
    const { turnstile, log, note, waiter, defects } = setup();
    const first = waiter('first');
    turnstile.pass(first.task, 1);
    const thrown = new Error('nobody expected this');
    turnstile.pass(() => {
      throw thrown;
    }, 1);
    turnstile.pass(note('third'), 1);
    turnstile.pass(() => Promise.reject(thrown), 1);
    turnstile.pass(note('fifth'), 1);
    first.go();
    await turn();
    assert.deepEqual(log.slice(1), ['first', 'third', 'fifth']);
    assert.deepEqual(defects, [thrown, thrown]);
    assert.deepEqual(turnstile.waiting, AT_REST);
  });
});

interface Setup {
  readonly turnstile: Turnstile;
  readonly log: string[];
  readonly defects: unknown[];
  readonly note: (name: string) => Task;
  readonly waiter: (name: string) => { readonly task: Task; readonly go: () => void };
}

function setup(): Setup {
  const log: string[] = [];
  const defects: unknown[] = [];
  const note = (name: string): Task => {
    return () => {
      log.push(name);
      return undefined;
    };
  };
  const waiter: Setup['waiter'] = (name) => {
    const released = new AbortController();
    const task = async (): Promise<void> => {
      log.push(`${name} begins`);
      if (!released.signal.aborted) await once(released.signal, 'abort');
      log.push(name);
    };
    return { task, go: () => released.abort() };
  };
  const turnstile = new Turnstile({ onDefect: (error) => void defects.push(error) });
  return { turnstile, log, defects, note, waiter };
}
