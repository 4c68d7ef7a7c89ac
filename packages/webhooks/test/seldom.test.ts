import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Seldom } from '../src/seldom.ts';

describe('What happens often and is said seldom', () => {
  it('[WH25] is said at once, and then once in a minute with how many there were since', () => {
    const full = new Seldom(60_000);
    assert.equal(full.count('one', 3, 0), 3);
    assert.equal(full.count('one', 4, 0), undefined);
    assert.equal(full.count('other', 1, 1), 1);
    assert.equal(full.count('one', 5, 59_999), undefined);
    assert.equal(full.count('one', 6, 60_000), 15);
    assert.equal(full.count('one', 7, 60_001), undefined);
    // A clock that was set back must not make it silent.
    assert.equal(full.count('one', 8, 0), 15);
  });

  it('[WH25] is remembered of so many lanes, and of more is said anew', () => {
    const full = new Seldom(60_000);
    for (let each = 0; each < 1_000; each += 1) assert.equal(full.count(`${each}`, 1, 0), 1);
    assert.equal(full.count('0', 1, 0), undefined);
    assert.equal(full.count('one more', 1, 0), 1);
    assert.equal(full.count('0', 1, 0), 1);
    assert.equal(full.count('999', 1, 0), undefined);
  });
});
