import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertOk, assertRefused, harness, type Reply } from './harness.ts';
import { memoryState, openReporter, stateWith } from './memory-state.ts';
import { get, unknownAttribute } from './query-client.ts';

describe('GET /apps/{id}/channels', () => {
  it('[CQ1] it lists the occupied channels as an object', async () => {
    assertOk(
      await get('/channels'),
      '{"channels":{"presence-room":{},"presence-cache-room":{},"private-room":{},"lobby":{}}}',
    );
  });

  it('[CQ1] nobody anywhere is an empty object', async () => {
    assertOk(await get('/channels', {}, memoryState()), '{"channels":{}}');
    assertOk(
      await get('/channels', { info: 'subscription_count' }, memoryState()),
      '{"channels":{}}',
    );
  });

  it('[CQ1] a name that looks like a prototype or an index is a name like others', async () => {
    const state = await stateWith({ '7': { sockets: 1 }, constructor: { sockets: 2 } });
    const edge = await openReporter(state, 'edge-2');
    await edge.report(Object.fromEntries([['__proto__', { sockets: 3 }]]));
    assertOk(
      await get('/channels', { info: 'subscription_count' }, state),
      '{"channels":{"7":{"subscription_count":1},"constructor":{"subscription_count":2},"__proto__":{"subscription_count":3}}}',
    );
  });

  it('[CQ2] filter_by_prefix leaves out what does not begin with it', async () => {
    for (const [prefix, names] of [
      ['presence-', '"presence-room":{},"presence-cache-room":{}'],
      ['presence-room', '"presence-room":{}'],
      ['presence-rooms', ''],
      ['Presence-', ''],
      ['room', ''],
      ['3/lobby', ''],
      ['频道', ''],
      ['[a-z]*', ''],
      ['x'.repeat(5000), ''],
      ['l', '"lobby":{}'],
    ] as const)
      assertOk(await get('/channels', { filter_by_prefix: prefix }), `{"channels":{${names}}}`);
    const all =
      '{"channels":{"presence-room":{},"presence-cache-room":{},"private-room":{},"lobby":{}}}';
    assertOk(await get('/channels', { filter_by_prefix: '' }), all);
  });

  it('[CQ3] user_count is told of presence channels and needs their prefix', async () => {
    assertOk(
      await get('/channels', { filter_by_prefix: 'presence-', info: 'user_count' }),
      '{"channels":{"presence-room":{"user_count":2},"presence-cache-room":{"user_count":1}}}',
    );
    assertOk(
      await get('/channels', {
        filter_by_prefix: 'presence-r',
        info: 'subscription_count, user_count',
      }),
      '{"channels":{"presence-room":{"user_count":2,"subscription_count":3}}}',
    );
    for (const prefix of ['', 'presence', 'private-', 'x-presence-', 'Presence-'])
      assertRefused(
        await get('/channels', { filter_by_prefix: prefix, info: 'user_count' }),
        400,
        'user_count may only be requested for presence channels - please supply filter_by_prefix begining with presence-',
      );
    assertRefused(
      await get('/channels', { info: 'subscription_count,user_count' }),
      400,
      /^user_count may/,
    );
  });

  it('[CQ3] subscription_count is told of every channel', async () => {
    assertOk(
      await get('/channels', { info: 'subscription_count' }),
      '{"channels":{"presence-room":{"subscription_count":3},"presence-cache-room":{"subscription_count":1},"private-room":{"subscription_count":2},"lobby":{"subscription_count":1}}}',
    );
  });

  it('[CQ4] an unknown attribute is refused', async () => {
    for (const info of ['cache', 'does-not-exist', 'user_counts', 'user_count;', '<b>'])
      assertRefused(
        await get('/channels', { info, filter_by_prefix: 'presence-' }),
        400,
        unknownAttribute(info, 'user_count, subscription_count'),
      );
    assertRefused(
      await get('/channels', { info: 'subscription_count,' }),
      400,
      unknownAttribute('', 'user_count, subscription_count'),
    );
  });

  it('[CQ4] info may be empty, an array, and beside parameters nobody knows', async () => {
    const { send } = harness({
      state: await stateWith({ 'presence-a': { sockets: 1, users: { u: 1 } } }),
    });
    const path = '/apps/3/channels';
    const params = { filter_by_prefix: 'presence-', extra: '1', name: 'x' };
    const ask = (more: readonly (readonly [string, string])[]): Promise<Reply> =>
      send({ method: 'GET', path, params, more });
    assertOk(await ask([['info', '']]), '{"channels":{"presence-a":{}}}');
    assertOk(await ask([['info[]', '']]), '{"channels":{"presence-a":{}}}');
    assertOk(
      await ask([
        ['info[]', 'user_count'],
        ['info[]', 'subscription_count'],
      ]),
      '{"channels":{"presence-a":{"user_count":1,"subscription_count":1}}}',
    );
    assertOk(
      await ask([['info[0]', 'user_count']]),
      '{"channels":{"presence-a":{"user_count":1}}}',
    );
  });

  it('[CQ5] a channel that is vacated while it is counted is left out', async () => {
    const state = memoryState();
    const edge = await openReporter(state);
    await edge.report({ stays: { sockets: 1 }, goes: { sockets: 1 } });
    const reply = await get(
      '/channels',
      { info: 'subscription_count' },
      {
        ...state,
        async occupied(app, prefix) {
          const names = await state.occupied(app, prefix);
          await edge.report({ goes: { sockets: 0 } });
          return names;
        },
      },
    );
    assertOk(reply, '{"channels":{"stays":{"subscription_count":1}}}');
  });

  it('[CQ6] more than fifty thousand channels are refused, not cut', async () => {
    const state = memoryState();
    const edge = await openReporter(state);
    const names = Array.from({ length: 50_000 }, (_, index) => `a${index}`);
    await edge.report(Object.fromEntries(names.map((name) => [name, { sockets: 1 }])));
    const whole = await get('/channels', { info: 'subscription_count' }, state);
    assert.equal(whole.status, 200);
    const { channels } = JSON.parse(whole.text) as { readonly channels: object };
    assert.equal(Object.keys(channels).length, 50_000);
    await edge.report({ b: { sockets: 1 } });
    assertRefused(
      await get('/channels', {}, state),
      400,
      'More than 50000 channels are occupied: expected a filter_by_prefix that fewer names begin with',
    );
    assertOk(await get('/channels', { filter_by_prefix: 'b' }, state), '{"channels":{"b":{}}}');
  });
});
