import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { edgeReporterOptions } from '../src/index.ts';
import { World } from './edge-reporter-world.ts';

const { tickMs, heartbeatMs } = edgeReporterOptions;
const wish = { subscribers: true, app: true, asked: false };

describe('EdgeReporter and the counts that it sets in motion', () => {
  it('[SU14] tends when they are due, once if that was in time', async (test) => {
    const world = await started(test);
    world.tellsIn = { firstMs: 200, lastMs: 200 };
    world.count('1-a', 2);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['report 1 a=2']);
    await world.pass(200 - 1);
    assert.deepEqual(world.calls(), []);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['tend 1']);
    await world.pass(heartbeatMs / 2);
    assert.deepEqual(world.calls(), []);
  });

  it('[SU14] comes again as long as one of them is not told, not too often, and then leaves it to others', async (test) => {
    const world = await started(test);
    world.tellsIn = { firstMs: 200, lastMs: 400 };
    world.count('1-a', 2);
    await world.pass(tickMs);
    world.tellInMs = 0;
    world.calls();
    await world.pass(400 + tickMs);
    const early = world.calls().length;
    assert.ok(early >= 3 && early <= 5, `${early} tends in 200 ms`);
    await world.pass(2_000);
    const calls = world.calls().filter((call) => call === 'tend 1').length;
    assert.ok(calls >= 10 && calls <= 20, `${calls} tends in the second after that`);
    await world.pass(1_000);
    assert.deepEqual(
      world.calls().filter((call) => call.startsWith('tend')),
      [],
    );
  });

  it('[SU14] still has its reports heard meanwhile', async (test) => {
    const world = await started(test);
    world.tellsIn = { firstMs: 0, lastMs: 5_000 };
    world.tellInMs = 0;
    for (let count = 2; count < 12; count += 1) {
      world.count('1-a', count);
      await world.pass(2 * tickMs);
      assert.ok(world.calls().includes(`report 1 a=${count}`), `count ${count}`);
    }
  });

  it('[SU14] says a count that nobody here has heard though it is as it was', async (test) => {
    const world = await started(test);
    world.count('1-a', 0);
    world.wish = { ...wish, asked: true };
    world.count('1-a', 1);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['report 1 a=1']);
    world.wish = wish;
    world.count('1-a', 0);
    world.count('1-a', 1);
    await world.pass(2 * tickMs);
    assert.deepEqual(world.calls(), []);
  });
});

/** One socket on a channel, and nothing else to say. */
async function started(test: TestContext): Promise<World> {
  const world = new World(test);
  world.answering = true;
  world.wish = wish;
  world.count('1-a', 1);
  await world.pass(tickMs);
  world.calls();
  return world;
}
