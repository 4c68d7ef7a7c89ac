import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  encodeEventData,
  isClientEvent,
  isEventName,
  isReservedEvent,
  limits,
} from '../src/index.ts';

describe('Events', () => {
  it('[NM4] an event name has 1 to 200 characters', () => {
    for (const name of ['a', ' ', 'e'.repeat(limits.eventNameChars)])
      assert.equal(isEventName(name), true);
    for (const name of ['', 'e'.repeat(limits.eventNameChars + 1)])
      assert.equal(isEventName(name), false);
  });

  it('[NM4] any kind of character may stand in an event name', () => {
    const names = ['App\\Events\\OrderShipped', 'grüße', '😀', 'a b\n', '\u0000', '\ud800', '"'];
    for (const name of [...names, '__proto__']) assert.equal(isEventName(name), true, name);
  });

  it('[FR3] names that begin pusher: or pusher_internal: are the server’s own', () => {
    for (const name of ['pusher:', 'pusher:x', 'pusher_internal:', 'pusher_internal:member_added'])
      assert.equal(isReservedEvent(name), true, name);
    const free = ['pusher', 'pusher-x', 'Pusher:x', ' pusher:x', 'pusher_internal', 'my-pusher:x'];
    for (const name of free) assert.equal(isReservedEvent(name), false, name);
  });

  it('[CE1] a client event is one whose name begins client-', () => {
    for (const name of ['client-', 'client-typing', 'client-pusher:x'])
      assert.equal(isClientEvent(name), true, name);
    for (const name of ['client', 'Client-x', ' client-x', 'pusher:client-x', ''])
      assert.equal(isClientEvent(name), false, name);
  });

  const encodings: readonly (readonly [data: unknown, text: string])[] = [
    ['', ''],
    ['{"a":1}', '{"a":1}'],
    ['plain', 'plain'],
    ['\ud800', '\ud800'],
    [{ a: 1 }, '{"a":1}'],
    [[1, 'a', null], '[1,"a",null]'],
    [0, '0'],
    [false, 'false'],
    [null, 'null'],
    [{}, '{}'],
    // What JSON cannot write is written as JSON.stringify does it.
    [JSON.parse('1e999'), 'null'],
    [JSON.parse('{"__proto__":{"a":1},"toJSON":1}'), '{"__proto__":{"a":1},"toJSON":1}'],
    [{ text: '\ud800' }, '{"text":"\\ud800"}'],
  ];
  for (const [data, text] of encodings)
    it(`[CE1] data ${JSON.stringify(data)} goes out as the string ${JSON.stringify(text)}`, () =>
      assert.equal(encodeEventData(data), text));

  it('[FR8] data nested as deeply as people nest it is encoded', () => {
    const text = nested(1_000);
    assert.equal(encodeEventData(JSON.parse(text)), text);
  });

  it('[FR8] data nested more deeply than the stack can follow is refused, not thrown', () => {
    for (const depth of [10_000, 32_000, 500_000])
      assert.equal(encodeEventData(JSON.parse(nested(depth))), undefined);
  });

  it('[FR8] a mistake of ours on the way is not taken for depth', () => {
    const ours = {
      toJSON() {
        throw new TypeError('ours');
      },
    };
    assert.throws(() => encodeEventData(ours), /ours/);
  });
});

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}
