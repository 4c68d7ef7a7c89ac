import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertOk, channelsOf, harness } from './harness.ts';

describe('a trigger in the query', () => {
  it('[TR9] every parameter may stand in the query', async () => {
    const { send: post, published } = harness();
    const params = { name: 'n', data: 'd', channel: 'c', socket_id: '1.2', info: '' };
    assertOk(await post({ params }));
    assert.deepEqual(published[0], [
      {
        channel: '3/c',
        frame: '{"event":"n","channel":"c","data":"d"}',
        except: '1.2',
        id: 'id-1',
        recorded: true,
        once: false,
      },
    ]);
  });

  it('[TR9] channels of the query are an array, repeated or numbered', async () => {
    for (const [first, second] of [
      ['channels[]', 'channels[]'],
      ['channels[0]', 'channels[1]'],
    ] as const) {
      const { send: post, published } = harness();
      const params = { name: 'n', data: '' };
      assertOk(await post({ params, more: [[first, 'b']] }));
      assertOk(
        await post({
          params,
          more: [
            [first, 'b'],
            [second, 'a'],
          ],
        }),
      );
      assert.deepEqual(published.map(channelsOf), [['3/b'], ['3/b', '3/a']]);
    }
  });

  it('[TR9] the body goes before the query, and unknown parameters are ignored', async () => {
    const { send: post, published } = harness();
    const params = { name: 'query', data: 'query', channel: 'query', extra: '1' };
    assertOk(await post({ params, body: '{"name":"body","more":{}}' }));
    assert.equal(published[0]?.[0]?.frame, '{"event":"body","channel":"query","data":"query"}');
  });
});
