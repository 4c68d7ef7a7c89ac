import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeEnvelope, envelopeBody } from '../src/index.ts';
import { socketId } from './given.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** The text of the frame in an envelope; fails when the bytes are none. */
function frameOf(envelope: Buffer): string {
  const decoded = decodeEnvelope(envelope);
  assert.ok(decoded !== undefined, `no envelope: ${envelope.toString('latin1', 0, 100)}`);
  return Buffer.from(decoded.frame).toString('utf8');
}

describe('Envelopes', () => {
  it('[BU4] what a publisher put in comes out', () => {
    const socket = socketId('1234.5678');
    const decoded = decodeEnvelope(bytes(`a1b2c3:17:${envelopeBody('id-1', socket, '{"a":1}')}`));
    assert.ok(decoded !== undefined);
    const { frame, ...header } = decoded;
    assert.deepEqual(header, {
      epoch: 'a1b2c3',
      seq: 17,
      id: 'id-1',
      except: socket,
      control: false,
    });
    assert.equal(Buffer.from(frame).toString('utf8'), '{"a":1}');
  });

  it('[US14] a message for the edges themselves says so, and flags that are not known are none', () => {
    const control = bytes(`a:7:${envelopeBody('id', null, 'terminate 1', true)}`);
    assert.equal(decodeEnvelope(control)?.control, true);
    assert.equal(frameOf(control), 'terminate 1');
    assert.equal(decodeEnvelope(bytes('a:7:id:xyz:\n{}'))?.control, false);
  });

  it('[BU4] a message that excepts nobody says so', () => {
    assert.equal(decodeEnvelope(bytes(`0:0:${envelopeBody('id', null, '')}`))?.except, null);
  });

  it('[BU4] a frame may hold anything, what separates a header included', () => {
    const frames = ['', '\n', '\n\n', ':', '0:0:id::\n', 'a:b:c:d:e\nf', '\u0000', 'ü😀\u2028'];
    for (const frame of [...frames, 'x'.repeat(1_000_000)])
      assert.equal(frameOf(bytes(`0:0:${envelopeBody('id', null, frame)}`)), frame);
  });

  it('[BU4] the frame is a view into the bytes received, not a copy', () => {
    const received = bytes(`0:0:${envelopeBody('id', null, 'frame')}`);
    assert.equal(decodeEnvelope(received)?.frame.buffer, received.buffer);
  });

  it('[BU4] an id has 1 to 64 characters of A-Z a-z 0-9 _ . -, and a message with another is not sent', () => {
    for (const id of ['a', 'A-b_9.', '__proto__', 'i'.repeat(64)])
      assert.equal(decodeEnvelope(bytes(`0:0:${envelopeBody(id, null, '')}`))?.id, id);
    for (const id of ['', 'i'.repeat(65), 'a:b', 'a\nb', 'a\n', 'a b', 'ü', '\u0000'])
      assert.throws(() => envelopeBody(id, null, ''), /an id that no envelope can carry/);
  });

  it('[BU10] what a later version may put among the flags is passed over', () => {
    assert.equal(frameOf(bytes('0:0:id:whatever:\nframe')), 'frame');
    assert.equal(decodeEnvelope(bytes('0:0:id:x=1,y:12.34\n'))?.except, '12.34');
  });

  const none: readonly (readonly [what: string, envelope: string])[] = [
    ['nothing', ''],
    ['a line end', '\n'],
    ['a bare frame', '{"event":"a","data":"{}"}'],
    ['a bare frame of two lines', '{"event":"a",\n"data":"{}"}'],
    ['a header without its line end', '0:0:id::'],
    ['four fields', '0:0:id:\nframe'],
    ['six fields', '0:0:id:::\nframe'],
    ['colons', '::::\nframe'],
    ['no epoch', ':0:id::\nframe'],
    ['no sequence', '0::id::\nframe'],
    ['a sequence that is no number', '0:x:id::\nframe'],
    ['a negative sequence', '0:-1:id::\nframe'],
    ['a sequence with a point', '0:1.5:id::\nframe'],
    ['a sequence as only JavaScript writes it', '0:0x10:id::\nframe'],
    ['a sequence with an exponent', '0:1e3:id::\nframe'],
    ['a sequence with a space', '0: 1:id::\nframe'],
    ['a sequence beyond what a number holds', `0:${'9'.repeat(16)}:id::\nframe`],
    ['no id', '0:0:::\nframe'],
    ['an id of other characters', '0:0:i d::\nframe'],
    ['an excepted socket that is none', '0:0:id::nobody\nframe'],
    ['an excepted socket with one number', '0:0:id::12\nframe'],
    ['a header without end', `${'a'.repeat(100_000)}\nframe`],
    ['a header as long as no header is', `${'e'.repeat(64)}:0:id:${'f'.repeat(300)}:\nframe`],
  ];
  for (const [what, envelope] of none)
    it(`[BU10] ${what} is no envelope`, () =>
      assert.equal(decodeEnvelope(bytes(envelope)), undefined));

  it('[BU10] bytes that are no text are no envelope', () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    assert.equal(decodeEnvelope(all), undefined);
    for (const byte of all) assert.equal(decodeEnvelope(Buffer.alloc(1_000, byte)), undefined);
  });

  it('[BU10] no beginning of an envelope is one until its header is whole', () => {
    const whole = bytes(`a1:7:${envelopeBody('id', socketId('12.34'), 'frame')}`);
    const header = whole.indexOf('\n') + 1;
    for (let length = 0; length < header; length += 1)
      assert.equal(decodeEnvelope(whole.subarray(0, length)), undefined, String(length));
    assert.equal(frameOf(whole.subarray(0, header)), '');
  });
});
