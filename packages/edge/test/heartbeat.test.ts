import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeartbeatWheel, stepHeartbeat, type Beating } from '../src/heartbeat.ts';

const options = { pingSeconds: 30, pongSeconds: 10 } as const;

describe('What is due for a connection', () => {
  const cases = [
    ['heard of just now', { lastSeenTick: 100, pingedTick: -1 }, 100, 'wait', 130],
    ['silent, but not long enough', { lastSeenTick: 100, pingedTick: -1 }, 129, 'wait', 130],
    ['silent for the ping interval', { lastSeenTick: 100, pingedTick: -1 }, 130, 'ping', 140],
    ['pinged, with time left to answer', { lastSeenTick: 100, pingedTick: 130 }, 139, 'wait', 140],
    ['pinged, and the time is over', { lastSeenTick: 100, pingedTick: 130 }, 140, 'expire', 140],
    [
      'answered within the tick of the PING',
      { lastSeenTick: 130, pingedTick: 130 },
      140,
      'wait',
      160,
    ],
    ['answered at the last moment', { lastSeenTick: 140, pingedTick: 130 }, 140, 'wait', 170],
    [
      'answered long ago and silent again',
      { lastSeenTick: 131, pingedTick: 130 },
      161,
      'ping',
      171,
    ],
  ] as const;
  for (const [what, state, now, beat, nextTick] of cases) {
    const rule = beat === 'expire' ? 'CN8' : 'CN7';
    it(`[${rule}] ${what}: ${beat}`, () => {
      assert.deepEqual(stepHeartbeat(state, now, options), { beat, nextTick });
    });
  }
});

describe('The heartbeat wheel', () => {
  it('[CN7] pings after the ping interval and not a tick before', () => {
    const wheel = new HeartbeatWheel(options);
    const beating = new Recorder(wheel);
    tick(wheel, 29);
    assert.deepEqual(beating.log, []);
    tick(wheel, 1);
    assert.deepEqual(beating.log, ['ping at 30']);
  });

  it('[CN8] lets go of a connection that did not answer, once', () => {
    const wheel = new HeartbeatWheel(options);
    const beating = new Recorder(wheel);
    tick(wheel, 39);
    assert.deepEqual(beating.log, ['ping at 30']);
    tick(wheel, 200);
    assert.deepEqual(beating.log, ['ping at 30', 'expire at 40']);
  });

  it('[CN7] a connection that is never silent is never pinged', () => {
    const wheel = new HeartbeatWheel(options);
    const beating = new Recorder(wheel);
    for (let second = 0; second < 300; second += 1) {
      tick(wheel, 1);
      if (second % 29 === 0) beating.lastSeenTick = wheel.now;
    }
    assert.deepEqual(beating.log, []);
  });

  it('[CN7] one that answers is pinged again each time it has been silent for the interval', () => {
    const wheel = new HeartbeatWheel(options);
    const beating = new Recorder(wheel, { answers: true });
    tick(wheel, 100);
    assert.deepEqual(beating.log, ['ping at 30', 'ping at 60', 'ping at 90']);
  });

  it('[CN7] the interval may be shorter than the time to answer', () => {
    const wheel = new HeartbeatWheel({ pingSeconds: 1, pongSeconds: 5 });
    const answering = new Recorder(wheel, { answers: true });
    const silent = new Recorder(wheel);
    tick(wheel, 12);
    assert.deepEqual(silent.log, ['ping at 1', 'expire at 6']);
    assert.deepEqual(answering.log, ['ping at 1', 'ping at 6', 'ping at 11']);
  });

  it('[CN7] connections that come at any tick are each looked at on their own', () => {
    const wheel = new HeartbeatWheel(options);
    const all = Array.from({ length: 100 }, () => {
      const beating = new Recorder(wheel);
      tick(wheel, 1);
      return beating;
    });
    tick(wheel, 50);
    for (const [at, { log }] of all.entries())
      assert.deepEqual(log, [`ping at ${at + 30}`, `expire at ${at + 40}`]);
  });

  it('[CN8] one that has gone is not looked at again, whatever its neighbours do', () => {
    const wheel = new HeartbeatWheel(options);
    const [gone, stays] = [new Recorder(wheel), new Recorder(wheel)];
    tick(wheel, 30);
    wheel.remove(gone);
    tick(wheel, 100);
    assert.deepEqual(gone.log, ['ping at 30']);
    assert.deepEqual(stays.log, ['ping at 30', 'expire at 40']);
  });
});

class Recorder implements Beating {
  readonly log: string[] = [];
  lastSeenTick = 0;
  pingedTick = -1;
  dueTick = 0;
  readonly #wheel: HeartbeatWheel;
  readonly #answers: boolean;

  constructor(wheel: HeartbeatWheel, { answers = false } = {}) {
    this.#wheel = wheel;
    this.#answers = answers;
    wheel.add(this);
  }

  ping(): void {
    this.log.push(`ping at ${this.#wheel.now}`);
    if (this.#answers) this.lastSeenTick = this.#wheel.now;
  }

  expire(): void {
    this.log.push(`expire at ${this.#wheel.now}`);
  }
}

function tick(wheel: HeartbeatWheel, times: number): void {
  for (let index = 0; index < times; index += 1) wheel.tick();
}
