import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import type { Pass } from '../src/breaker.ts';
import { Gate, type Turned } from '../src/gate.ts';

const NEVER_MS = Number.MAX_SAFE_INTEGER;

beforeEach(() => mock.timers.enable({ apis: ['Date', 'setTimeout'] }));
afterEach(() => mock.timers.reset());

/** All promises that could go on have done so. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

interface Entering {
  readonly name: string;
  readonly fresh?: boolean;
  readonly untilMs?: number;
}

/** Lets batches wait at the gate, and says what became of them, in order. */
function arrivals(gate: Gate): {
  readonly seen: string[];
  readonly passes: Map<string, Pass>;
  readonly enter: (...each: readonly Entering[]) => Promise<void>;
} {
  const seen: string[] = [];
  const passes = new Map<string, Pass>();
  const note = (name: string, result: Pass | Turned): void => {
    if (typeof result !== 'string') passes.set(name, result);
    seen.push(typeof result === 'string' ? `${name} ${result}` : name);
  };
  return {
    seen,
    passes,
    async enter(...each) {
      for (const { name, fresh = true, untilMs = NEVER_MS } of each)
        void gate.enter({ fresh, untilMs }).then((result) => note(name, result));
      await settled();
    },
  };
}

/** A gate whose endpoint has failed just now, for a second. */
async function failing(): Promise<{ readonly gate: Gate } & ReturnType<typeof arrivals>> {
  const gate = new Gate(16);
  const all = arrivals(gate);
  await all.enter({ name: 'first' });
  fail(gate, all.passes.get('first'));
  all.seen.length = 0;
  return { gate, ...all };
}

function fail(gate: Gate, pass: Pass | undefined): void {
  assert.ok(pass);
  gate.failed(pass, 'status 500', () => 1_000);
}

describe('The gate', () => {
  it('[WH9] lets the next one through when the pause is over', async () => {
    const { seen, enter, gate } = await failing();
    await enter({ name: 'next' });
    assert.equal(gate.pauseMs(), 1_000);
    mock.timers.tick(999);
    await settled();
    assert.deepEqual(seen, []);
    mock.timers.tick(1);
    await settled();
    assert.deepEqual(seen, ['next']);
  });

  it('[WH21] lets one that was not tried yet go first to a failing endpoint, and last to one that is well', async () => {
    const { seen, enter, gate } = await failing();
    await enter(
      { name: 'tried', fresh: false },
      { name: 'fresh' },
      { name: 'tried too', fresh: false },
    );
    mock.timers.tick(1_000);
    await settled();
    assert.deepEqual(seen, ['fresh']);
    await enter({ name: 'fresh too' });
    gate.succeeded();
    await settled();
    assert.deepEqual(seen, ['fresh', 'tried', 'tried too']);
    gate.succeeded();
    await settled();
    assert.deepEqual(seen.slice(3), ['fresh too']);
  });

  it('[WH9] keeps one that was not tried yet when the endpoint begins to fail, and turns the others away', async () => {
    const gate = new Gate(16);
    const { seen, passes, enter } = arrivals(gate);
    await enter({ name: 'first' }, { name: 'a' }, { name: 'b' }, { name: 'c' });
    assert.equal(gate.hasFresh, true);
    fail(gate, passes.get('first'));
    await settled();
    assert.deepEqual(seen, ['first', 'b busy', 'c busy']);
    mock.timers.tick(1_000);
    await settled();
    assert.deepEqual(seen.slice(3), ['a']);
  });

  it('[WH7] turns away what is too old, as long as the endpoint fails', async () => {
    const { seen, enter, gate } = await failing();
    await enter({ name: 'old', untilMs: 400 }, { name: 'young', untilMs: 5_000 });
    mock.timers.tick(399);
    await settled();
    assert.deepEqual(seen, []);
    mock.timers.tick(1);
    await settled();
    assert.deepEqual(seen, ['old late']);
    mock.timers.tick(600);
    await settled();
    assert.deepEqual(seen, ['old late', 'young']);
    gate.succeeded();
    await enter({ name: 'as old', untilMs: 400 });
    assert.deepEqual(seen.slice(2), ['as old']);
  });

  it('[WH16] turns everybody away when it stops', async () => {
    const { seen, enter, gate } = await failing();
    await enter({ name: 'waiting' });
    gate.stop();
    await settled();
    await enter({ name: 'late comer' });
    assert.deepEqual(seen, ['waiting stopped', 'late comer stopped']);
  });
});
