import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BusMessage } from '@fanfare/core';
import {
  assertOk,
  assertRefused,
  channelsOf,
  harness,
  makeApp,
  trigger,
  type Reply,
} from './harness.ts';

const CHANNEL_CHARS = 'expected 1 to 200 characters out of A-Z a-z 0-9 _ - = @ , . ;';

interface Outcome {
  readonly reply: Reply;
  readonly published: readonly (readonly BusMessage[])[];
}

async function triggered(part: Readonly<Record<string, unknown>>): Promise<Outcome> {
  const { send: post, published } = harness();
  return { reply: await post({ body: trigger(part) }), published };
}

async function frameOf(part: Readonly<Record<string, unknown>>): Promise<unknown> {
  const { reply, published } = await triggered(part);
  assertOk(reply);
  return JSON.parse(published[0]?.[0]?.frame ?? '');
}

async function refused(
  part: Readonly<Record<string, unknown>>,
  status: number,
  text: string,
): Promise<void> {
  const { reply, published } = await triggered(part);
  assertRefused(reply, status, text);
  assert.deepEqual(published, []);
}

function tooLarge(bytes: number): string {
  return `The data content of this event exceeds the allowed maximum (${bytes} bytes). See https://pusher.com/docs/channels/server_api/http-api#publishing-events for more info`;
}

function count(got: number): string {
  return `Invalid channels parameter: expected 1 to 100 channels, got ${got}`;
}

async function exceptOf(socket_id: unknown): Promise<unknown> {
  return (await triggered({ socket_id })).published[0]?.[0]?.except;
}

describe('POST /apps/{id}/events', () => {
  it('[TR1] a trigger is one call of the bus, with a finished frame for each channel', async () => {
    const { reply, published } = await triggered({
      channel: undefined,
      channels: ['b', 'private-a'],
      data: '{"x":1}',
    });
    assertOk(reply);
    const rest = { except: null, id: 'id-1', recorded: true, once: false };
    assert.deepEqual(published, [
      [
        {
          channel: '3/b',
          frame: '{"event":"my-event","channel":"b","data":"{\\"x\\":1}"}',
          ...rest,
        },
        {
          channel: '3/private-a',
          frame: '{"event":"my-event","channel":"private-a","data":"{\\"x\\":1}"}',
          ...rest,
        },
      ],
    ]);
  });

  it('[TR2] the name is a text of 1 to 200 characters of any kind', async () => {
    for (const name of ['a', 'x'.repeat(200), 'App\\Events\\OrderShipped', 'client-x', '频道 é"\n'])
      assert.deepEqual(await frameOf({ name }), { event: name, channel: 'lobby', data: 'hello' });
    await refused({ name: undefined }, 400, 'Missing required parameter: name');
    await refused({ name: null }, 400, 'Missing required parameter: name');
    for (const name of [1, true, ['a'], { a: 1 }])
      await refused({ name }, 400, 'Expected name parameter to be a string');
    await refused({ name: '' }, 400, 'Invalid event name "": expected 1 to 200 characters');
    await refused(
      { name: 'x'.repeat(201) },
      400,
      `Invalid event name "${'x'.repeat(200)}…": expected 1 to 200 characters`,
    );
  });

  it("[TR2] the server's own names are not published", async () => {
    for (const name of ['pusher:error', 'pusher_internal:member_added', 'pusher:'])
      await refused(
        { name },
        400,
        `Invalid event name "${name}": names beginning pusher: or pusher_internal: are reserved`,
      );
    assert.ok(await frameOf({ name: 'Pusher:x' }));
    assert.ok(await frameOf({ name: 'a pusher:x' }));
  });

  it('[TR3] data that is a text goes out as it came, an empty one too', async () => {
    for (const data of ['', '0', 'null', 'false', '{"a":1}', ' {"a" : 1} ', '\u0000\ud800', '𝒳'])
      assert.deepEqual(await frameOf({ data }), { event: 'my-event', channel: 'lobby', data });
  });

  it('[TR3] data that is no text goes out as its JSON', async () => {
    for (const [data, text] of [
      [{ a: [1, null] }, '{"a":[1,null]}'],
      [[], '[]'],
      [0, '0'],
      [false, 'false'],
      [null, 'null'],
    ] as const)
      assert.deepEqual(await frameOf({ data }), {
        event: 'my-event',
        channel: 'lobby',
        data: text,
      });
    await refused({ data: undefined }, 400, 'Missing required parameter: data');
  });

  it('[TR3] data nested deeper than can be written is refused', async () => {
    const {
      send: post,
      published,
      defects,
    } = harness({
      apps: [makeApp({ limits: { maxEventBytes: 262_144, maxChannelsPerTrigger: 1 } })],
    });
    const depth = 200_000;
    const body = `{"name":"n","channel":"c","data":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    assertRefused(await post({ body }), 400, 'Invalid data parameter: it is nested too deeply');
    assert.deepEqual([published, defects], [[], []]);
  });

  it("[TR4] data counts in UTF-8 bytes up to the app's limit", async () => {
    for (const [fits, over] of [
      ['x'.repeat(10_240), 'x'.repeat(10_241)],
      ['ß'.repeat(5120), 'ß'.repeat(5121)],
      ['𝒳'.repeat(2560), `${'𝒳'.repeat(2560)}x`],
    ] as const) {
      assertOk((await triggered({ data: fits })).reply);
      await refused({ data: over }, 413, tooLarge(10_240));
    }
    assertOk((await triggered({ data: ['x'.repeat(10_236)] })).reply);
    await refused({ data: ['x'.repeat(10_237)] }, 413, tooLarge(10_240));

    const { send: post } = harness({ apps: [makeApp({ limits: { maxEventBytes: 5 } })] });
    assertOk(await post({ body: trigger({ data: '12345' }) }));
    assertRefused(await post({ body: trigger({ data: '123456' }) }), 413, tooLarge(5));
  });

  it('[TR5] one to a hundred channels, each once and in their order', async () => {
    const names = Array.from({ length: 100 }, (_, index) => `c${99 - index}`);
    const { reply, published } = await triggered({ channels: names });
    assertOk(reply);
    assert.deepEqual(
      channelsOf(published[0]),
      names.map((name) => `3/${name}`),
    );
    const twice = await triggered({ channels: ['a', 'b', 'a'] });
    assert.deepEqual(channelsOf(twice.published[0]), ['3/a', '3/b']);
    await refused({ channels: [...names, 'c0'] }, 400, count(101));
    await refused({ channels: [] }, 400, count(0));
  });

  it('[TR5] channel serves for one, and channels goes before it', async () => {
    const both = await triggered({ channel: 'one', channels: ['several'] });
    assert.deepEqual(channelsOf(both.published[0]), ['3/several']);
    const one = await triggered({ channel: 'one', channels: null });
    assert.deepEqual(channelsOf(one.published[0]), ['3/one']);
    await refused({ channel: undefined }, 400, 'Missing required parameter: channels');
    await refused({ channel: null }, 400, 'Missing required parameter: channels');
    for (const channel of [1, ['a'], {}, false])
      await refused({ channel }, 400, 'Expected channel parameter to be a string');
    for (const channels of ['a', {}, 7, [1], ['a', null], [['a']]])
      await refused({ channels }, 400, 'Expected channels parameter to be an array of strings');
  });

  it('[TR6] a name no channel can have is refused, wherever it stands', async () => {
    for (const name of [
      '',
      'a b',
      'a/b',
      'ß',
      '#a',
      'a#',
      'a:b',
      'a*',
      'x'.repeat(200),
      'A_-=@,.;',
    ])
      if (/^[A-Za-z0-9_=@,.;-]+$/.test(name)) assertOk((await triggered({ channel: name })).reply);
      else
        await refused(
          { channels: ['ok', name] },
          400,
          `Invalid channel name "${name}": ${CHANNEL_CHARS}`,
        );
    await refused(
      { channel: 'x'.repeat(201) },
      400,
      `Invalid channel name "${'x'.repeat(200)}…": ${CHANNEL_CHARS}`,
    );
  });

  it('[TR7] the socket of socket_id is excepted; null and none except nobody', async () => {
    assert.equal(await exceptOf('123.456'), '123.456');
    assert.equal(await exceptOf(null), null);
    assert.equal(await exceptOf(undefined), null);
    for (const socket_id of [
      '',
      '1',
      '1.',
      '.1',
      '1.2.3',
      '-1.2',
      '1.2\n',
      'a.b',
      `${'1'.repeat(40)}.1`,
    ])
      await refused(
        { socket_id },
        400,
        `Invalid socket id ${JSON.stringify(socket_id)}: expected two whole numbers joined by a dot, such as 123.456`,
      );
    await refused({ socket_id: 1.2 }, 400, 'Expected socket_id parameter to be a string');
  });
});
