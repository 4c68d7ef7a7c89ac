import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { metric, startCluster, type Cluster } from '../cluster.ts';
import { eventually } from '../eventually.ts';
import { appEntry, attacked, everyApp, fuzzApps, type FuzzApp } from '../fuzz/apps.ts';
import { attack, newTally, told } from '../fuzz/attack.ts';
import { assertServed, openHonest } from '../fuzz/honest.ts';
import { Findings } from '../fuzz/judge.ts';
import { backendOf } from '../fuzz/sdk.ts';
import { Chance, fixedSeeds } from '../support/seeded.ts';

const ATTACKERS = 6;
const LIVES = 5;
const ACTIONS = 50;
const GAUGES = [
  'fanfare_connections',
  'fanfare_subscriptions',
  'fanfare_channels',
  'fanfare_signed_in_connections',
  'fanfare_watched_users',
];

it('[FZ22] two edges and an API node on Redis take whatever comes, and nothing of it is left in them or in Redis', async (test) => {
  const folder = await mkdtemp(join(tmpdir(), 'fanfare-fuzz-'));
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
  const file = join(folder, 'apps.json');
  await writeFile(file, JSON.stringify({ apps: everyApp.map((app) => appEntry(app)) }));
  const env = { APPS_FILE: file, LOG_LEVEL: 'debug' };
  await using cluster = await startCluster({ edges: 2, apis: 1, workers: 1, app: {}, env });
  const target = { edges: cluster.edges.map(({ port }) => port), api: cluster.apis[0]?.port ?? 0 };
  const tally = newTally();
  for (const seed of fixedSeeds(2)) {
    const findings = new Findings(seed);
    {
      await using calm = await openHonest(target.edges[0] ?? 0, fuzzApps.calm);
      await calm.untilPong();
      const plan = { target, findings, tally, lives: LIVES, actions: ACTIONS };
      const attacks = Array.from({ length: ATTACKERS }, async (_, index) => {
        const app = attacked[index % attacked.length] ?? fuzzApps.one;
        await attack({ ...plan, app, chance: new Chance(seed * 1_000 + index) });
      });
      await Promise.all(attacks);
      assert.deepEqual(findings.all, []);
      assert.deepEqual(await calm.untilPong(), [], `FUZZ_SEED=${seed}: none of its business`);
    }
    await assertEmpty(cluster, target.api);
  }
  for (const app of everyApp)
    for (const port of target.edges) {
      await using socket = await openHonest(port, app);
      await assertServed(socket, backendOf(target.api, app));
    }
  assertQuiet(cluster);
  test.diagnostic(told(tally));
});

/** The processes have no socket and no channel, and saw nothing unexpected; the state knows of nobody. */
async function assertEmpty(cluster: Cluster, api: number): Promise<void> {
  for (const edge of cluster.edges)
    for (const name of GAUGES)
      await eventually(
        async () => (await metric(edge, name)) === 0,
        () => `${name} is not 0 after all sockets were closed`,
      );
  const defects = [
    ...cluster.edges.map((edge) => [edge, 'fanfare_defects_total'] as const),
    ...cluster.apis.map((node) => [node, 'fanfare_api_defects_total'] as const),
  ];
  for (const [member, name] of defects)
    assert.equal(await metric(member, name), 0, member.process.output().slice(-4_000));
  for (const app of everyApp)
    await eventually(
      async () => Object.keys(await occupied(api, app)).length === 0,
      () => `channels of ${app.key} are occupied after all sockets were closed`,
    );
}

async function occupied(api: number, app: FuzzApp): Promise<object> {
  const response = await backendOf(api, app).get({ path: '/channels' });
  return ((await response.json()) as { readonly channels: object }).channels;
}

/** Nothing that a process has said holds a secret. */
function assertQuiet({ edges, apis, workers }: Cluster): void {
  for (const each of [...edges, ...apis, ...workers])
    for (const { secret } of everyApp) assert.ok(!each.process.output().includes(secret));
}
