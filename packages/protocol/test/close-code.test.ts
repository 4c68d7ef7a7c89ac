import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { closeReasons, limits, unknownAppKey, type CloseReason } from '../src/index.ts';

const all: readonly (readonly [name: string, reason: CloseReason])[] = [
  ...Object.entries(closeReasons),
  ['unknownAppKey', unknownAppKey('278d425bdf160c739803')],
];

describe('Close codes', () => {
  it('[CN4] a refusal has the code and the text that SDKs know', () => {
    const { appDisabled, pathNotFound, invalidVersion, unsupportedProtocol } = closeReasons;
    assert.deepEqual(
      [appDisabled, pathNotFound, invalidVersion, unsupportedProtocol].map((reason) => reason.code),
      [4003, 4005, 4006, 4007],
    );
    assert.deepEqual(unknownAppKey('nokey'), {
      code: 4001,
      reconnect: 'never',
      message: 'App key nokey not in this cluster. Did you forget to specify the cluster?',
    });
  });

  const sent: readonly (readonly [rule: string, reason: CloseReason, code: number])[] = [
    ['CN8', closeReasons.pongNotReceived, 4201],
    ['CN10', closeReasons.draining, 4200],
    ['CN11', closeReasons.slowConsumer, 4100],
    ['CN12', closeReasons.overCapacity, 4100],
    ['US8', closeReasons.terminated, 4009],
  ];
  for (const [rule, reason, code] of sent)
    it(`[${rule}] '${reason.message}' is said with ${code}`, () => assert.equal(reason.code, code));

  for (const [name, { code, reconnect }] of all)
    it(`[CN4] ${name} says of its code what SDKs make of it, and no browser takes it for another`, () => {
      const ranges = { never: 4000, 'after-backoff': 4100, immediately: 4200 } as const;
      const first = ranges[reconnect];
      assert.ok(code >= first && code <= first + 99, `${code} is not one of ${first}…`);
      // 4000 makes pusher-js switch to TLS and come back.
      assert.notEqual(code, 4000);
    });

  for (const [name, { message }] of all)
    it(`[CN13] the text of ${name} fits into a close frame`, () =>
      assert.ok(Buffer.byteLength(message) <= limits.closeReasonBytes, message));

  it('[CN13] the text fits whatever the client’s key was', () => {
    const keys = ['', 'k'.repeat(55), 'k'.repeat(56), 'k'.repeat(60_000), 'ü'.repeat(500)];
    const odd = ['😀'.repeat(200), `a${'😀'.repeat(200)}`, '\ud800'.repeat(90), '\u0000\n\u2028'];
    for (const key of [...keys, ...odd]) {
      const { message } = unknownAppKey(key);
      assert.ok(Buffer.byteLength(message) <= 123, `${Buffer.byteLength(message)} bytes`);
      assert.match(message, /^App key [!-~]* not in this cluster\. Did you forget /);
    }
  });

  it('[CN13] a key is shown whole as long as there is room, and its beginning beyond', () => {
    assert.ok(unknownAppKey('k'.repeat(55)).message.includes(` ${'k'.repeat(55)} `));
    assert.ok(unknownAppKey('k'.repeat(56)).message.includes(` ${'k'.repeat(52)}... `));
    assert.equal(Buffer.byteLength(unknownAppKey('k'.repeat(56)).message), 123);
  });

  it('[CN13] what cannot be part of a key is shown as a question mark', () => {
    assert.ok(unknownAppKey('a b\nü😀\ud800').message.startsWith('App key a?b???? not'));
  });
});
