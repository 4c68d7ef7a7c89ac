import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTermination, TERMINATION_MS, terminationText } from '../src/index.ts';
import { MemoryTerminations } from '../src/state/memory-terminations.ts';
import { channel } from './given.ts';

const [ann, bob] = [channel('#server-to-user-ann'), channel('#server-to-user-bob')];

describe('Terminations', () => {
  it('[US13] one is remembered for an hour after the last, and its number is not given again', () => {
    const terminations = new MemoryTerminations();
    const first = terminations.add(ann, 1_000);
    assert.equal(terminations.get(ann, 1_000 + TERMINATION_MS - 1), first);
    assert.equal(terminations.get(ann, 1_000 + TERMINATION_MS), 0);
    const second = terminations.add(ann, 2_000);
    assert.equal(terminations.get(ann, 2_000 + TERMINATION_MS - 1), second);
    assert.ok(terminations.add(ann, 2_000 + 2 * TERMINATION_MS) > second);
    assert.equal(terminations.get(bob, 2_000), 0);
  });

  it('[US13] its text is read by the edges, and other texts are not taken for it', () => {
    for (const number of [1, 1_700_000_000_000_000])
      assert.equal(parseTermination(terminationText(number)), number);
    for (const text of ['', 'terminate', 'terminate ', 'terminate x', 'terminate 1 2', '1'])
      assert.equal(parseTermination(text), undefined);
    assert.equal(parseTermination(`terminate ${'9'.repeat(17)}`), undefined);
  });
});
