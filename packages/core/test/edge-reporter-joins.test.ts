import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { edgeReporterOptions } from '../src/index.ts';
import { World } from './edge-reporter-world.ts';

const { retryMs, tickMs } = edgeReporterOptions;

describe('EdgeReporter: joins', () => {
  it('[JC3] the report behind a join says how many subscribed, if it was another number', async (test) => {
    const world = new World(test);
    world.answering = true;
    const joins = [world.join('0-room', 'x'), world.join('1-room', 'y'), world.join('2-room', 'z')];
    await world.pass(0);
    await Promise.all(joins);
    world.calls();
    // One is subscribed, one is gone, and one was joined by another in the meantime.
    world.count('0-room', 1);
    world.count('2-room', 2);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), ['report 1 room=0', 'report 2 room=2']);
  });

  it('[JC3] the report behind a refusal says nothing of a channel that nobody holds', async (test) => {
    const world = new World(test);
    world.answering = true;
    world.full = true;
    const join = world.join('0-room', 'x');
    await world.pass(tickMs);
    assert.deepEqual(await join, { fenced: false, lost: false, full: true });
    assert.deepEqual(world.calls(), ['register 0', 'join 0 room=1 x']);
    await world.pass(tickMs);
    assert.deepEqual(world.calls(), []);
  });

  it('[JC3] a join that was not answered is said again with its channel, and then what became of it', async (test) => {
    const world = new World(test);
    world.answering = true;
    world.count('0-room', 2);
    await world.pass(tickMs);
    world.calls();
    world.failing = true;
    const join = world.join('0-room', 'x');
    await world.pass(0);
    assert.deepEqual(world.calls(), ['join 0 room=3 x']);
    world.failing = false;
    world.full = true;
    await world.pass(retryMs);
    assert.equal((await join).full, true);
    await world.pass(tickMs);
    // Whether the store heard the first attempt is unknown, and the refusal took nothing.
    assert.deepEqual(world.calls(), ['join 0 room=3 x', 'report 0 room=2']);
  });

  it('[JC3] a channel is reported before its members, whatever changed first', async (test) => {
    const world = new World(test);
    world.answering = true;
    await world.pass(0);
    world.countMember('0-room', 'x', 1);
    world.count('0-other', 1);
    world.count('0-room', 1);
    await world.pass(tickMs);
    assert.deepEqual(world.said, ['room=1', 'x=1', 'other=1']);
  });
});
