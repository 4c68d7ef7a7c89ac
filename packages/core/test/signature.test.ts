import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSignatureOf, md5, sign } from '../src/index.ts';

const SECRET = '7ad3773142a6692b25b8';
const TEXT = '1234.1234:private-foobar';
const RIGHT = '58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4';

describe('Signatures', () => {
  const vectors: readonly (readonly [text: string, hex: string])[] = [
    [TEXT, RIGHT],
    [
      '1234.1234:presence-foobar:{"user_id":10,"user_info":{"name":"Mr. Channels"}}',
      '31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80',
    ],
    [
      '1234.1234:presence-foobar:{"user_id":10,"user_info":{"name":"Mr. Pusher"}}',
      'afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c',
    ],
    [
      '1234.1234::user::{"id":"12345"}',
      '4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba',
    ],
    [
      '{"time_ms":1327078148132,"events":[{"name":"channel_occupied","channel":"my-channel"}]}',
      'c19001ae3963ccb13bf618e5b16ba9848e7e74df0993aa0689168e341c6833cf',
    ],
  ];
  for (const [text, hex] of vectors)
    it(`[SG2] ${text} has the published signature`, () => {
      assert.equal(sign(SECRET, text), hex);
      assert.equal(isSignatureOf(hex, SECRET, text), true);
    });

  it('[SG2] the body of the published trigger has its MD5, and so has an empty one', () => {
    const body = '{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}';
    assert.equal(md5(body), 'ec365a775a4cd0599faeb73354201b6f');
    assert.equal(md5(Buffer.from(body)), 'ec365a775a4cd0599faeb73354201b6f');
    assert.equal(md5(''), 'd41d8cd98f00b204e9800998ecf8427e');
  });

  it('[SG1] a signature with any one character changed is wrong', () => {
    for (let at = 0; at < RIGHT.length; at += 1) {
      const changed = RIGHT[at] === '0' ? '1' : '0';
      const wrong = RIGHT.slice(0, at) + changed + RIGHT.slice(at + 1);
      assert.equal(isSignatureOf(wrong, SECRET, TEXT), false, wrong);
    }
  });

  const wrong: readonly (readonly [what: string, signature: string])[] = [
    ['nothing', ''],
    ['upper-case hex', RIGHT.toUpperCase()],
    ['one upper-case digit', RIGHT.replace('d', 'D')],
    ['all but the last character', RIGHT.slice(0, -1)],
    ['one character more', `${RIGHT}0`],
    ['a space in front', ` ${RIGHT}`],
    ['a line end behind', `${RIGHT}\n`],
    ['a NUL behind', `${RIGHT}\u0000`],
    ['a prefix', `sha256=${RIGHT}`],
    ['Base64', Buffer.from(RIGHT, 'hex').toString('base64')],
    ['the bytes themselves', Buffer.from(RIGHT, 'hex').toString('latin1')],
    ['as many characters, but more bytes', 'ä'.repeat(64)],
    ['as many bytes, but fewer characters', 'ä'.repeat(32)],
    ['characters whose low bytes are right', String.fromCharCode(...lowBytesRight())],
    ['half a surrogate pair', '\ud800'.repeat(64)],
    ['a great deal', RIGHT.repeat(1_000)],
  ];
  for (const [what, signature] of wrong)
    it(`[SG1] ${what} is no signature`, () =>
      assert.equal(isSignatureOf(signature, SECRET, TEXT), false));

  it('[SG1] the signature of another text, or by another secret, is wrong', () => {
    assert.equal(isSignatureOf(RIGHT, SECRET, `${TEXT} `), false);
    assert.equal(isSignatureOf(RIGHT, `${SECRET} `, TEXT), false);
  });
});

/** Code units that a comparison of low bytes alone would take for the right signature. */
function lowBytesRight(): readonly number[] {
  return Array.from(Buffer.from(RIGHT), (byte) => 0x100 + byte);
}
