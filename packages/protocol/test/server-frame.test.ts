import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  clientErrors,
  closeReasons,
  connectionEstablishedFrame,
  errorFrame,
  eventFrame,
  pongFrame,
  subscriptionCountFrame,
  subscriptionErrorFrame,
  subscriptionSucceededFrame,
  unknownAppKey,
} from '../src/index.ts';
import { channelName, socketId } from './given.ts';

const room = channelName('private-room');

describe('Frames to clients', () => {
  it('[FR1] connection_established is the frame of the published protocol, byte for byte', () => {
    assert.equal(
      connectionEstablishedFrame(socketId('1234.5678'), 120),
      String.raw`{"event":"pusher:connection_established","data":"{\"socket_id\":\"1234.5678\",\"activity_timeout\":120}"}`,
    );
  });

  it('[FR1] pong is the frame of the published protocol, byte for byte', () => {
    assert.equal(pongFrame, '{"event":"pusher:pong","data":"{}"}');
  });

  it('[SU1] subscription_count is the frame of the published protocol, byte for byte', () => {
    assert.equal(
      subscriptionCountFrame(channelName('my-channel'), 3),
      String.raw`{"event":"pusher_internal:subscription_count","data":"{\"subscription_count\":3}","channel":"my-channel"}`,
    );
  });

  it('[SB2] subscription_succeeded has the data {} as a string, and the channel', () => {
    assert.equal(
      subscriptionSucceededFrame(room),
      '{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":"private-room"}',
    );
    for (const name of ['@=-_.;,', '__proto__', '#server-to-user-7'])
      assert.deepEqual(JSON.parse(subscriptionSucceededFrame(channelName(name))), {
        event: 'pusher_internal:subscription_succeeded',
        data: '{}',
        channel: name,
      });
  });

  it('[FR1] subscription_error stands on the channel, with its data as a string', () => {
    const { message } = clientErrors.authRequired(room);
    const frame: unknown = JSON.parse(subscriptionErrorFrame(room, 'AuthError', message, 401));
    assert.deepEqual(frame, {
      event: 'pusher:subscription_error',
      channel: 'private-room',
      data: JSON.stringify({ type: 'AuthError', error: message, status: 401 }),
    });
  });

  it('[FR1] data of an error is an object with a code that is a number or null, and no channel', () => {
    const errors = [clientErrors.invalidJson(), clientErrors.clientEventRate(10)];
    for (const { code, message } of [...errors, ...Object.values(closeReasons), unknownAppKey('k')])
      assert.equal(
        errorFrame({ code, message }),
        `{"event":"pusher:error","data":{"code":${code},"message":${JSON.stringify(message)}}}`,
      );
  });

  it('[FR1] data of every other frame is a string', () => {
    const frames = [
      connectionEstablishedFrame(socketId('1.2'), 30),
      pongFrame,
      subscriptionSucceededFrame(room),
      subscriptionErrorFrame(room, 'LimitError', 'full', 429),
      eventFrame(room, 'news', '{"a":1}'),
      eventFrame(room, 'client-a', '', '7'),
    ];
    for (const frame of frames) {
      const { data } = JSON.parse(frame) as { readonly data: unknown };
      assert.equal(typeof data, 'string', frame);
    }
  });

  it('[CE1] an event carries its name, channel and data as they were given, and no user unless there is one', () => {
    assert.equal(
      eventFrame(room, 'client-typing', '{"x":1}'),
      String.raw`{"event":"client-typing","channel":"private-room","data":"{\"x\":1}"}`,
    );
    assert.equal(
      eventFrame(room, 'client-typing', '{"x":1}', '2'),
      String.raw`{"event":"client-typing","channel":"private-room","data":"{\"x\":1}","user_id":"2"}`,
    );
  });

  it('[CE1] no text of a client can break out of the frame that carries it', () => {
    const texts = [
      '","channel":"other',
      '\\',
      '\n\r\t\u0000\u2028\u2029',
      '😀',
      '\ud800',
      '\udc00\ud800',
      '</script>',
      '__proto__',
    ];
    for (const text of texts) {
      const frame = eventFrame(room, `client-${text}`, text, text);
      assert.deepEqual(JSON.parse(frame), {
        event: `client-${text}`,
        channel: 'private-room',
        data: text,
        user_id: text,
      });
      // A frame is sent as UTF-8, which cannot hold half a surrogate pair: it must be escaped.
      assert.equal(Buffer.from(frame, 'utf8').toString('utf8'), frame);
    }
  });
});
