import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { edgeReporterOptions } from '../src/index.ts';
import { World } from './edge-reporter-world.ts';

const { appendMs, appendsMax, retryMs, tickMs } = edgeReporterOptions;

describe('EdgeReporter: events of sockets', () => {
  it('[CO1] the first event of a channel takes the report along at once, and goes behind it', async (test) => {
    const world = new World(test);
    world.count('0-a', 1);
    world.count('0-b', 1);
    const kept = world.append('0-a', 'one');
    assert.deepEqual(world.calls(), ['register 0'], 'it waits for no tick and no turn');
    world.answer();
    await world.pass(0);
    const next = world.append('0-a', 'two');
    assert.deepEqual(world.calls(), ['report 0 a=1 b=1']);
    world.answer();
    await world.pass(0);
    assert.deepEqual(world.calls(), ['append 0 one a']);
    world.answer();
    await world.pass(0);
    assert.deepEqual(world.calls(), ['append 0 two a']);
    world.answer();
    assert.deepEqual(await Promise.all([kept, next]), [true, true]);
    await world.pass(10 * tickMs);
    assert.deepEqual(world.calls(), []);
  });

  it('[CO1] what is said in the turn in which the channel comes and goes is said amid it', async (test) => {
    const world = new World(test);
    world.answering = true;
    world.count('0-first', 1);
    await world.pass(tickMs);
    world.calls();
    world.count('0-a', 1);
    const kept = world.append('0-a', 'one');
    world.count('0-a', 0);
    await world.pass(tickMs);
    assert.equal(await kept, true);
    assert.deepEqual(world.calls(), ['report 0 a=1', 'append 0 one a', 'report 0 a=0']);
  });

  it('[CO1] events of what the store knows go out at once, however its count changes', async (test) => {
    const world = new World(test);
    world.answering = true;
    world.count('0-a', 1);
    await world.pass(tickMs);
    world.calls();
    world.answering = false;
    world.count('0-b', 1);
    await world.pass(tickMs);
    world.count('0-a', 2);
    const kept = [world.append('0-a', 'one'), world.append('0-a', 'two')];
    assert.deepEqual(world.calls(), ['report 0 b=1', 'append 0 one a', 'append 0 two a']);
    world.answer();
    assert.deepEqual(await Promise.all(kept), [true, true]);
  });

  it('[CO1] an event of a member goes behind its join', async (test) => {
    const world = new World(test);
    world.answering = true;
    const join = world.join('0-room', 'x');
    const kept = world.append('0-room', 'one', 'x');
    await world.pass(0);
    await join;
    assert.equal(await kept, true);
    assert.deepEqual(world.calls(), ['register 0', 'join 0 room=1 x', 'append 0 one room x']);
  });

  it('[CO2] while the report fails the event waits, and those behind it on its channel', async (test) => {
    const world = new World(test);
    world.answering = true;
    world.count('0-known', 1);
    await world.pass(tickMs);
    world.calls();
    world.failing = true;
    world.count('0-a', 1);
    const kept = [world.append('0-a', 'one'), world.append('0-a', 'two')];
    await world.pass(3 * retryMs);
    assert.deepEqual(new Set(world.calls()), new Set(['report 0 a=1']));
    world.failing = false;
    await world.pass(retryMs + tickMs);
    assert.deepEqual(await Promise.all(kept), [true, true]);
    assert.deepEqual(world.calls(), ['report 0 a=1', 'append 0 one a', 'append 0 two a']);
  });

  it('[CO2] an event that comes before the announcement is tried again, and no other channel waits', async (test) => {
    const world = new World(test);
    world.answering = true;
    for (const name of ['0-a', '0-b']) world.count(name, 1);
    await world.pass(tickMs);
    world.calls();
    world.appended = 'early';
    const early = world.append('0-a', 'one');
    await world.pass(2 * retryMs);
    assert.ok(world.calls().length > 1, 'it is tried again');
    const behind = world.append('0-a', 'two');
    await world.pass(0);
    world.appended = 'taken';
    assert.equal(await world.append('0-b', 'three'), true);
    assert.deepEqual(world.calls(), ['append 0 three b']);
    await world.pass(retryMs + tickMs);
    assert.deepEqual(await Promise.all([early, behind]), [true, true]);
    assert.deepEqual(world.calls(), ['append 0 one a', 'append 0 two a']);
  });

  it('[CO2] what waits too long, or for a channel that is gone, is not kept', async (test) => {
    const world = new World(test);
    world.answering = true;
    for (const name of ['0-a', '0-b']) world.count(name, 1);
    await world.pass(tickMs);
    world.appended = 'early';
    const [late, gone] = [world.append('0-a', 'one'), world.append('0-b', 'two')];
    world.count('0-b', 0);
    await world.pass(retryMs + tickMs);
    assert.equal(await gone, false);
    await world.pass(appendMs);
    assert.equal(await late, false);
    world.appended = 'taken';
    world.calls();
    await world.pass(10 * retryMs);
    assert.deepEqual(
      world.calls().filter((call) => call.startsWith('append')),
      [],
    );
  });

  it('[CO3] beyond a bound nothing waits, and when those that wait are done there is room', async (test) => {
    const world = new World(test);
    world.failing = true;
    const waiting: Promise<boolean>[] = [];
    for (let index = 0; index < appendsMax; index += 1) {
      world.count(`${index % 4}-c${index}`, 1);
      waiting.push(world.append(`${index % 4}-c${index}`, 'x'));
    }
    world.count('0-more', 1);
    assert.equal(await world.append('0-more', 'x'), false);
    world.failing = false;
    world.answering = true;
    await world.pass(retryMs + tickMs);
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set([true]));
    assert.equal(await world.append('0-more', 'x'), true);
  });

  it('[CO3] an event whose write failed is not written again, and a full outbox keeps none', async (test) => {
    const world = new World(test);
    world.count('0-a', 1);
    const failed = world.append('0-a', 'one');
    world.answer();
    await world.pass(0);
    world.failing = true;
    world.answer();
    await world.pass(0);
    assert.equal(await failed, false);
    assert.deepEqual(world.calls(), ['register 0', 'report 0 a=1', 'append 0 one a']);
    await assert.rejects(world.append('0-a', 'two'));
    world.failing = false;
    world.answering = true;
    world.appended = 'full';
    assert.equal(await world.append('0-a', 'three'), false);
    world.calls();
    await world.pass(10 * retryMs);
    assert.deepEqual(world.calls(), []);
  });

  it('[CO3] an edge that leaves keeps nobody waiting', async (test) => {
    const world = new World(test);
    world.answering = true;
    world.count('0-a', 1);
    await world.pass(tickMs);
    world.appended = 'early';
    const kept = world.append('0-a', 'one');
    await world.pass(0);
    await world.reporter.leave();
    assert.equal(await kept, false);
    assert.equal(await world.append('0-a', 'two'), false);
  });
});
