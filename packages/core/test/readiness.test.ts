import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createReadiness, unreadyAfter } from '../src/index.ts';

const GRACE_MS = 10_000;
const AWAY = 'the bus is away';

/** A link and a clock that the test moves. */
function link(upAtFirst: boolean) {
  const state = { up: upAtFirst, nowMs: 5_000 };
  const grace = unreadyAfter(
    () => state.up,
    AWAY,
    GRACE_MS,
    () => state.nowMs,
  );
  return {
    check: (): string | undefined => grace.check(),
    pass: (ms: number): void => {
      state.nowMs += ms;
    },
    turn: (up: boolean): void => {
      state.up = up;
      grace.changed();
    },
  };
}

describe('Readiness', () => {
  it('[SE5] a process is ready while nothing says otherwise, and unready for every reason that does', () => {
    const readiness = createReadiness();
    assert.deepEqual(readiness.reasons(), []);
    const reasons: (string | undefined)[] = [undefined, undefined, undefined];
    for (const index of reasons.keys()) readiness.add(() => reasons[index]);
    assert.deepEqual(readiness.reasons(), []);
    reasons[2] = 'third';
    reasons[0] = 'first';
    assert.deepEqual(readiness.reasons(), ['first', 'third']);
    reasons[0] = undefined;
    assert.deepEqual(readiness.reasons(), ['third']);
  });

  it('[SE6] a link that is up is no reason, however long', () => {
    const { check, pass } = link(true);
    pass(10 * GRACE_MS);
    assert.equal(check(), undefined);
  });

  it('[SE6] a link that went away is a reason after the grace period and not before', () => {
    const { check, pass, turn } = link(true);
    pass(10 * GRACE_MS);
    turn(false);
    assert.equal(check(), undefined);
    pass(GRACE_MS - 1);
    assert.equal(check(), undefined);
    pass(1);
    assert.equal(check(), AWAY);
    pass(GRACE_MS);
    assert.equal(check(), AWAY);
  });

  it('[SE6] a link that is back is no reason from that moment on', () => {
    const { check, pass, turn } = link(true);
    turn(false);
    pass(2 * GRACE_MS);
    assert.equal(check(), AWAY);
    turn(true);
    assert.equal(check(), undefined);
  });

  it('[SE6] a link that comes and goes gets the whole grace period each time', () => {
    const { check, pass, turn } = link(true);
    for (let blip = 0; blip < 5; blip += 1) {
      turn(false);
      pass(GRACE_MS - 1);
      assert.equal(check(), undefined);
      turn(true);
      turn(false);
      pass(GRACE_MS - 1);
      assert.equal(check(), undefined);
      turn(true);
    }
  });

  it('[SE6] hearing again that the link is away does not begin the grace period anew', () => {
    const { check, pass, turn } = link(true);
    turn(false);
    pass(GRACE_MS - 1);
    turn(false);
    pass(1);
    assert.equal(check(), AWAY);
  });

  it('[SE6] a link that never came up is a reason after the grace period', () => {
    const { check, pass } = link(false);
    assert.equal(check(), undefined);
    pass(GRACE_MS);
    assert.equal(check(), AWAY);
  });
});
