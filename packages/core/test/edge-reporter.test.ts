import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { edgeReporterOptions, isFailure } from '../src/index.ts';
import { seededRandom } from '../src/contract/fuzz/world.ts';
import { PARTITIONS, World } from './edge-reporter-world.ts';

const { tickMs, heartbeatMs, joinMs, retryMs, tendMs } = edgeReporterOptions;

describe('EdgeReporter', () => {
  it('[ER1] what changes in a tick is reported together, one call at a time in a partition', async (test) => {
    const world = new World(test);
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
    const world = new World(test);
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
    const world = new World(test);
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
    const world = new World(test);
    const joins = [world.join('0-room', 'x'), world.join('0-room', 'y'), world.join('1-room', 'x')];
    await world.pass(0);
    assert.deepEqual(world.calls(), ['register 0', 'register 1']);
    world.answer();
    await world.pass(0);
    assert.deepEqual(world.calls(), ['join 0 room=1 x', 'join 1 room=1 x']);
    world.answer();
    await world.pass(0);
    assert.deepEqual(world.calls(), ['join 0 room=1 y']);
    world.answer();
    await world.pass(0);
    for (const join of joins) assert.equal((await join).full, false);
    assert.deepEqual(world.calls(), [], 'the count can wait');
  });

  it('[ER3] a place that is not granted in time is given up, and not asked for again', async (test) => {
    const world = new World(test);
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
    const world = new World(test);
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

  it('[ER6] once started, it takes every lease at once and keeps it', async (test) => {
    const world = new World(test);
    world.answering = true;
    world.reporter.start();
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['register 0', 'register 1', 'register 2', 'register 3']);
    await world.pass(heartbeatMs);
    const beats = ['heartbeat 0', 'heartbeat 1', 'heartbeat 2', 'heartbeat 3'];
    assert.deepEqual(world.calls(), beats);
    assert.equal(world.told.registered, PARTITIONS);
  });

  it('[IC1] what has nothing to be tended is not, for as long as the heartbeats say so', async (test) => {
    const world = new World(test);
    world.answering = true;
    // When the leases run out that are renewed before.
    world.tendInMs = 7_000;
    world.reporter.start();
    await world.pass(10 * heartbeatMs);
    const calls = world.calls().filter((call) => !/^(register|heartbeat)/.test(call));
    assert.deepEqual(calls, []);
  });

  it('[IC2] tends when it was told to, a little later, and again when the answer says so', async (test) => {
    const world = new World(test);
    world.answering = true;
    world.count('1-a', 1);
    await world.pass(tickMs);
    world.tendInMs = 1_000;
    await world.pass(heartbeatMs);
    world.calls();
    await world.pass(1_000 - tickMs);
    assert.deepEqual(world.calls(), []);
    world.tendInMs = 0;
    await world.pass(tendMs + 2 * tickMs);
    assert.deepEqual(world.calls(), ['tend 1']);
    world.tendInMs = Infinity;
    await world.pass(tendMs + tickMs);
    assert.deepEqual(world.calls(), ['tend 1']);
    await world.pass(heartbeatMs);
    assert.deepEqual(world.calls(), ['heartbeat 1']);
  });

  it('[IC2] a partition that cannot be tended keeps no other waiting, and is not asked for more', async (test) => {
    const world = new World(test);
    world.answering = true;
    world.reporter.start();
    await world.pass(tickMs);
    world.tendInMs = 0;
    await world.pass(heartbeatMs);
    world.answering = false;
    await world.pass(tendMs + 2 * tickMs);
    world.calls();
    await world.pass(tendMs + 2 * tickMs);
    assert.deepEqual(world.calls(), [], 'the first tends were not answered');
    world.tendInMs = Infinity;
    world.answering = true;
    world.answer();
    await world.pass(heartbeatMs + tickMs);
    const beats = world.calls().filter((call) => call.startsWith('heartbeat'));
    assert.equal(beats.length, PARTITIONS);
  });

  it('[IC5] leases that were taken at once are renewed in groups that are spread over the interval', async (test) => {
    const world = new World(test, 256);
    world.answering = true;
    world.random = seededRandom(1);
    world.reporter.start();
    await world.pass(2 * tickMs);
    assert.equal(world.calls().length, 256);
    for (let round = 0; round < 3; round += 1) {
      const groups: number[] = [];
      for (let ms = 0; ms < heartbeatMs; ms += 10) {
        await world.pass(10);
        const { length } = world.calls();
        if (length > 0) groups.push(length);
      }
      assert.equal(total(groups), 256);
      assert.ok(groups.length >= 12 && groups.length <= 16, `${groups.length} groups`);
      assert.ok(Math.max(...groups) <= 40, `${Math.max(...groups)} at once`);
    }
  });

  it('[IC5] what every partition wants at once is asked in several turns', async (test) => {
    const world = new World(test, 256);
    world.answering = true;
    world.reporter.start();
    const turns: number[] = [];
    const later = setImmediate;
    test.mock.method(globalThis, 'setImmediate', (act: () => void) =>
      later(() => {
        turns.push(world.calls().length);
        act();
      }),
    );
    await world.pass(tickMs);
    turns.push(world.calls().length);
    assert.equal(total(turns), 256);
    assert.ok(Math.max(...turns) <= 64, `${Math.max(...turns)} in one turn`);
  });

  it('[ER7] what came and went while the store was away is not told, what stays is', async (test) => {
    const world = new World(test);
    world.answering = true;
    for (const name of ['0-stays', '0-goes', '0-back']) world.count(name, 1);
    await world.pass(tickMs);
    world.calls();
    world.failing = true;
    world.count('0-back', 0);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['report 0 back=0']);
    for (let index = 0; index < 1_000; index += 1) {
      world.count(`0-c${index}`, 1);
      world.count(`0-c${index}`, 0);
    }
    world.count('0-goes', 0);
    world.count('0-new', 1);
    world.count('0-back', 1);
    world.failing = false;
    await world.pass(retryMs + tickMs);
    // The store may have heard that it was gone.
    assert.deepEqual(world.calls(), ['report 0 back=1 goes=0 new=1']);
    await world.pass(10 * tickMs);
    assert.deepEqual(world.calls(), []);
  });

  it('[ER5] leaving gives back every lease, also one that is being taken, and ends everything', async (test) => {
    const world = new World(test);
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
    const world = new World(test);
    world.answering = true;
    world.count('0-a', 1);
    await world.pass(tickMs);
    world.failing = true;
    await world.reporter.leave();
    assert.equal(world.told.failed, 1);
  });
});

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
