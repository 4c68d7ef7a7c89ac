import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertOk, assertRefused, channelsOf, harness, makeApp, type Reply } from './harness.ts';

const path = '/apps/3/batch_events';

async function refused(batch: unknown, status: number, text: string | RegExp): Promise<void> {
  const { send, published } = harness();
  assertRefused(await send({ path, body: JSON.stringify({ batch }) }), status, text);
  assert.deepEqual(published, []);
}

function event(part: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return { channel: 'lobby', name: 'my-event', data: 'hello', ...part };
}

function count(got: number): string {
  return `Invalid batch parameter: expected 1 to 10 events, got ${got}`;
}

describe('POST /apps/{id}/batch_events', () => {
  it('[TR10] one to ten events go to the bus in one call and in their order', async () => {
    const { send, published } = harness();
    const post = (batch: readonly unknown[]): Promise<Reply> =>
      send({ path, body: JSON.stringify({ batch }) });
    assertOk(await post([event({ channel: 'b', socket_id: '1.2' }), event({ data: { a: 1 } })]));
    const rest = { recorded: true, once: false };
    assert.deepEqual(published, [
      [
        {
          channel: '3/b',
          frame: '{"event":"my-event","channel":"b","data":"hello"}',
          except: '1.2',
          id: 'id-1.0',
          ...rest,
        },
        {
          channel: '3/lobby',
          frame: '{"event":"my-event","channel":"lobby","data":"{\\"a\\":1}"}',
          except: null,
          id: 'id-1.1',
          ...rest,
        },
      ],
    ]);
    const ten = Array.from({ length: 10 }, (_, index) => event({ channel: `c${9 - index}` }));
    assertOk(await post(ten));
    assert.deepEqual(
      channelsOf(published[1]),
      ten.map(({ channel }) => `3/${String(channel)}`),
    );
    await refused([...ten, event()], 400, count(11));
    await refused([], 400, count(0));
  });

  it('[TR10] what is no array of events is refused', async () => {
    await refused(undefined, 400, 'Missing required parameter: batch');
    await refused(null, 400, 'Missing required parameter: batch');
    for (const batch of ['x', {}, 7, [null], ['x'], [[]], [event(), 3]])
      await refused(batch, 400, 'Expected batch parameter to be an array of events');
  });

  it('[TR10] an event has exactly one channel', async () => {
    await refused([event({ channel: undefined })], 400, 'Missing required parameter: channel');
    await refused(
      [{ name: 'n', data: 'd', channels: ['a'] }],
      400,
      'Missing required parameter: channel',
    );
    await refused([event({ channel: ['a'] })], 400, 'Expected channel parameter to be a string');
    await refused(
      [event({ channels: ['a'] })],
      400,
      'Unexpected parameter: channels. An event of a batch has exactly one channel',
    );
  });

  it('[TR11] the first mistake refuses the whole batch', async () => {
    const rows: readonly (readonly [Readonly<Record<string, unknown>>, number, string | RegExp])[] =
      [
        [{ name: undefined }, 400, 'Missing required parameter: name'],
        [{ name: 1 }, 400, 'Expected name parameter to be a string'],
        [{ name: 'x'.repeat(201) }, 400, /^Invalid event name /],
        [{ name: 'pusher:x' }, 400, /^Invalid event name /],
        [{ data: undefined }, 400, 'Missing required parameter: data'],
        [{ data: 'x'.repeat(10_241) }, 413, /^The data content of this event exceeds/],
        [{ channel: 'a b' }, 400, /^Invalid channel name "a b": /],
        [{ socket_id: '1' }, 400, /^Invalid socket id "1": /],
        [{ info: 'x' }, 400, /^Invalid info attribute "x": /],
      ];
    for (const [part, status, text] of rows) {
      await refused([event(), event(part), event({ name: 2 })], status, text);
      await refused([event(part)], status, text);
    }
  });

  it('[TR11] each event has its own ten kilobytes', async () => {
    const { send } = harness();
    const batch = Array.from({ length: 10 }, () => event({ data: '\u0001'.repeat(10_240) }));
    assertOk(await send({ path, body: JSON.stringify({ batch }) }));
  });

  it('[TR11] the limit of data is the app’s', async () => {
    const { send } = harness({ apps: [makeApp({ limits: { maxEventBytes: 5 } })] });
    const post = (data: string): Promise<Reply> =>
      send({ path, body: JSON.stringify({ batch: [event({ data })] }) });
    assertOk(await post('12345'));
    assertRefused(await post('123456'), 413, /\(5 bytes\)/);
  });
});
