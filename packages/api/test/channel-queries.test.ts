import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Failure } from '@fanfare/core';
import { assertOk, assertRefused, harness, makeApp, md5 } from './harness.ts';
import { memoryState, openReporter, stateWith, unreadable } from './memory-state.ts';
import { get, OCCUPIED } from './query-client.ts';

describe('GET /apps/{id}/channels/{channel}/users', () => {
  it('[CQ11] each user is told once, as a text', async () => {
    assertOk(await get('/channels/presence-room/users'), '{"users":[{"id":"1"},{"id":"2"}]}');
    assertOk(await get('/channels/presence-cache-room/users'), '{"users":[{"id":"7"}]}');
  });

  it('[CQ11] an empty presence channel has no users', async () => {
    assertOk(await get('/channels/presence-nowhere/users'), '{"users":[]}');
  });

  it('[CQ11] other channels have none to tell', async () => {
    for (const name of ['lobby', 'private-room', 'x-presence-a', 'presence', 'nowhere'])
      assertRefused(
        await get(`/channels/${name}/users`),
        400,
        'Users can only be retrieved for presence channels',
      );
  });

  it('[CQ11] an id may be any text', async () => {
    const ids = ['"\\', '频道', '\u0000', '__proto__', 'a\tb'];
    const state = await stateWith({
      'presence-a': { sockets: 5, users: Object.fromEntries(ids.map((id) => [id, 1])) },
    });
    const { text } = await get('/channels/presence-a/users', {}, state);
    assert.deepEqual(JSON.parse(text), { users: ids.map((id) => ({ id })) });
  });
});

describe('every query', () => {
  const paths = ['/channels', '/channels/presence-room', '/channels/presence-room/users'];

  it('[CQ12] several edges add up, and a user on two of them is one', async () => {
    const state = memoryState();
    const [first, second] = [await openReporter(state, 'e1'), await openReporter(state, 'e2')];
    await first.report({ 'presence-room': { sockets: 2, users: { '1': 1, '2': 1 } } });
    await second.report({ 'presence-room': { sockets: 3, users: { '2': 2, '3': 1 } } });
    const info = 'user_count,subscription_count';
    const counts = '"user_count":3,"subscription_count":5';
    assertOk(await get('/channels/presence-room', { info }, state), `{"occupied":true,${counts}}`);
    assertOk(
      await get('/channels', { info, filter_by_prefix: 'presence-' }, state),
      `{"channels":{"presence-room":{${counts}}}}`,
    );
    assertOk(
      await get('/channels/presence-room/users', {}, state),
      '{"users":[{"id":"1"},{"id":"2"},{"id":"3"}]}',
    );
    await second.leave();
    assertOk(
      await get('/channels/presence-room', { info }, state),
      '{"occupied":true,"user_count":2,"subscription_count":2}',
    );
    await first.report({ 'presence-room': { sockets: 0, users: { '1': 0, '2': 0 } } });
    assertOk(await get('/channels', {}, state), '{"channels":{}}');
    assertOk(await get('/channels/presence-room/users', {}, state), '{"users":[]}');
  });

  it('[CQ13] an app sees its own channels only', async () => {
    const state = await stateWith({ 'presence-room': { sockets: 1, users: { '1': 1 } } });
    const edge = await openReporter(state, 'other');
    await edge.report(
      { 'presence-room': { sockets: 1, users: { '9': 1 } }, b: { sockets: 1 } },
      '33',
    );
    const apps = [makeApp(), makeApp({ id: '33', keys: [{ key: 'other', secret: 'x' }] })];
    const { send } = harness({ apps, state });
    const other = { params: { auth_key: 'other' }, secret: 'x', method: 'GET' };
    assertOk(await get('/channels', {}, state), '{"channels":{"presence-room":{}}}');
    assertOk(
      await send({ ...other, path: '/apps/33/channels' }),
      '{"channels":{"presence-room":{},"b":{}}}',
    );
    assertOk(await send({ method: 'GET', path: '/apps/3/channels/b' }), '{"occupied":false}');
    assertOk(await send({ ...other, path: '/apps/33/channels/b' }), '{"occupied":true}');
    assertOk(
      await send({ ...other, path: '/apps/33/channels/presence-room/users' }),
      '{"users":[{"id":"9"}]}',
    );
    assertRefused(await send({ ...other, path: '/apps/3/channels' }), 401, /another app/);
  });

  it('[CQ14] the channels of users are in no list, and unoccupied', async () => {
    const state = await stateWith({ '#server-to-user-7': { sockets: 2 }, lobby: { sockets: 1 } });
    assertOk(await get('/channels', {}, state), '{"channels":{"lobby":{}}}');
    assertOk(
      await get('/channels', { filter_by_prefix: '#', info: 'subscription_count' }, state),
      '{"channels":{}}',
    );
    const path = '/channels/%23server-to-user-7';
    assertOk(
      await get(path, { info: 'subscription_count' }, state),
      '{"occupied":false,"subscription_count":0}',
    );
    assertRefused(await get(`${path}/users`, {}, state), 400, /^Users can only/);
  });

  it('[CQ15] a state that is away is a 503 that asks to repeat', async () => {
    const failing = unreadable(new Failure('unavailable', 'away'));
    for (const path of paths) {
      const reply = await get(path, {}, failing);
      assertRefused(reply, 503, 'The cluster is unavailable, please repeat the request');
      assert.equal(reply.headers.get('retry-after'), '1');
    }
    const listed = await stateWith(OCCUPIED);
    const counted = { ...listed, counts: () => failing.counts([]) };
    assertRefused(
      await get('/channels', { info: 'subscription_count' }, counted),
      503,
      /^The cluster/,
    );
  });

  it('[CQ16] it is signed like any request, with the MD5 of nothing too, and HEAD is like GET', async () => {
    for (const path of paths) {
      const { send } = harness({ state: await stateWith(OCCUPIED) });
      const request = { path: `/apps/3${path}`, method: 'GET' };
      const { text } = await send(request);
      assertOk(await send({ ...request, params: { body_md5: md5('') } }), text);
      assertRefused(await send({ ...request, secret: 'x' }), 401, /^Invalid signature: /);
      assertRefused(await send({ ...request, params: { auth_key: undefined } }), 401, /auth_key/);
      assertOk(await send({ ...request, method: 'HEAD' }), '');
    }
  });
});
