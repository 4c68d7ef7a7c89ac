import { describe, it } from 'node:test';
import { assertOk, assertRefused } from './harness.ts';
import { stateWith } from './memory-state.ts';
import { get, unknownAttribute } from './query-client.ts';

describe('GET /apps/{id}/channels/{channel}', () => {
  it('[CQ7] occupied is always told', async () => {
    assertOk(await get('/channels/lobby'), '{"occupied":true}');
    assertOk(await get('/channels/presence-room'), '{"occupied":true}');
    assertOk(await get('/channels/nowhere'), '{"occupied":false}');
    assertOk(await get('/channels/presence-nowhere'), '{"occupied":false}');
    assertOk(await get('/channels/lobby', { info: '' }), '{"occupied":true}');
  });

  it('[CQ8] counts are told when asked, also those of an empty channel', async () => {
    const both = 'user_count,subscription_count';
    assertOk(
      await get('/channels/presence-room', { info: both }),
      '{"occupied":true,"user_count":2,"subscription_count":3}',
    );
    assertOk(
      await get('/channels/presence-cache-room', { info: 'user_count' }),
      '{"occupied":true,"user_count":1}',
    );
    assertOk(
      await get('/channels/lobby', { info: 'subscription_count' }),
      '{"occupied":true,"subscription_count":1}',
    );
    assertOk(
      await get('/channels/presence-nowhere', { info: both }),
      '{"occupied":false,"user_count":0,"subscription_count":0}',
    );
    assertOk(
      await get('/channels/nowhere', { info: 'subscription_count' }),
      '{"occupied":false,"subscription_count":0}',
    );
  });

  it('[CQ8] users are counted on presence channels only', async () => {
    for (const name of ['lobby', 'private-room', 'x-presence-a', 'cache-a', 'presence', 'nowhere'])
      for (const info of ['user_count', 'subscription_count,user_count'])
        assertRefused(
          await get(`/channels/${name}`, { info }),
          400,
          'Cannot retrieve the user count unless the channel is a presence channel',
        );
  });

  it('[CQ9] an unknown attribute is refused, behind a wrong name', async () => {
    for (const info of ['does-not-exist', 'occupied', 'user_count,x'])
      assertRefused(
        await get('/channels/presence-room', { info }),
        400,
        unknownAttribute(info.split(',').at(-1) ?? '', 'user_count, subscription_count, cache'),
      );
    assertRefused(await get('/channels/a%20b', { info: 'x' }), 400, /^Invalid channel name/);
  });

  it('[CQ10] a name may be percent-encoded, and one that no channel can have is refused', async () => {
    const state = await stateWith({ 'private-a=b;c@d,e.f': { sockets: 1 } });
    for (const name of [
      'private-a=b;c@d,e.f',
      'private-a%3Db%3Bc%40d%2Ce%2Ef',
      '%70rivate-a=b;c@d,e.f',
    ])
      assertOk(await get(`/channels/${name}`, {}, state), '{"occupied":true}');
    for (const [sent, shown] of [
      ['a%20b', 'a b'],
      ['a+b', 'a+b'],
      ['a%2Fb', 'a/b'],
      ['%ff', '%ff'],
      ['%', '%'],
      ['%00', '\\u0000'],
      ['%23x', '#x'],
      ['%E9%A2%91', '频'],
      ['3%2Flobby', '3/lobby'],
      ['*', '*'],
    ] as const)
      for (const path of [`/channels/${sent}`, `/channels/${sent}/users`])
        assertRefused(
          await get(path),
          400,
          `Invalid channel name "${shown}": expected 1 to 200 characters out of A-Z a-z 0-9 _ - = @ , . ;`,
        );
    assertOk(await get(`/channels/${'x'.repeat(200)}`), '{"occupied":false}');
    assertRefused(
      await get(`/channels/${'x'.repeat(201)}`),
      400,
      /^Invalid channel name "x{200}…"/,
    );
  });
});
