import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { PARTITIONS, partitionOf, tagOf } from '../src/partitions.ts';
import { key, keys } from './bus-under-test.ts';
import { startClusterNode } from './redis-server.ts';

const tags = Array.from({ length: PARTITIONS }, (_, partition) => tagOf(partition));

describe('Partitions', () => {
  it('[RB1] a channel is in the same partition in every process and every release', () => {
    const expected = [
      ['1001', 'lobby', 195],
      ['1002', 'lobby', 6],
      ['1001', 'private-room', 84],
    ] as const;
    for (const [app, name, partition] of expected)
      assert.equal(partitionOf(key(name, app)), partition, `${app}/${name}`);
    const digest = createHash('sha1').update(tags.join()).digest('hex');
    assert.equal(digest, 'a5b40b7cccdfe9a1b476afaa2d90135aca23c03b');
  });

  it('[RB1] channels spread evenly over the partitions', () => {
    const counts = Array.from({ length: PARTITIONS }, () => 0);
    for (const channel of keys(256_000)) add(counts, partitionOf(channel));
    assert.ok(Math.min(...counts) > 800, `the emptiest has ${Math.min(...counts)} of 1 000`);
    assert.ok(Math.max(...counts) < 1_200, `the fullest has ${Math.max(...counts)} of 1 000`);
  });

  it('[RB2] Redis itself puts each tag into the middle of its partition’s stretch of slots', async () => {
    await using server = await startClusterNode();
    for (const [partition, tag] of tags.entries())
      assert.equal(await server.client.cluster('KEYSLOT', `{${tag}}:x`), 64 * partition + 32);
  });

  for (const masters of [1, 3, 6, 7]) {
    it(`[RB2] ${masters} masters with a stretch of slots each hold equally many partitions`, () => {
      const counts = Array.from({ length: masters }, () => 0);
      for (let partition = 0; partition < PARTITIONS; partition += 1)
        add(counts, Math.floor(((64 * partition + 32) * masters) / 16_384));
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
    });
  }
});

function add(counts: number[], at: number): void {
  counts[at] = (counts[at] ?? 0) + 1;
}
