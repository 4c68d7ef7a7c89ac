import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appSchema, type App } from '../app.ts';
import type { Limits, RateKind } from '../ports/limits.ts';

/** Two nodes of one cluster, whose clock the test moves. */
export interface LimitsUnderTest extends AsyncDisposable {
  readonly nodes: readonly [Limits, Limits];
}

export type OpenLimits = (nowMs: () => number) => Promise<LimitsUnderTest>;

function appWith(limits: Readonly<Record<string, number>>, id = '1001'): App {
  return appSchema.parse({ id, keys: [{ key: `k${id}`, secret: 's' }], limits });
}

async function isTaken(
  node: Limits,
  app: App,
  count = 1,
  kind: RateKind = 'triggers',
): Promise<boolean> {
  return (await node.take(app, kind, count)).ok;
}

/** How many single ones are taken until one is refused. */
async function takeAll(node: Limits, app: App, kind: RateKind = 'triggers'): Promise<number> {
  for (let taken = 0; ; taken += 1) if (!(await isTaken(node, app, 1, kind))) return taken;
}

/** What every implementation of `Limits` means. The rules are in this package's SPEC.md. */
export function limitsContract(implementation: string, openLimits: OpenLimits): void {
  const clock = { nowMs: 0 };
  const open = (): Promise<LimitsUnderTest> => {
    clock.nowMs = 1_700_000_000_000;
    return openLimits(() => clock.nowMs);
  };

  describe(`Limits contract: ${implementation}`, () => {
    for (const rate of [1, 3, 7, 10, 250, 1_000]) {
      it(`[LM5] of ${rate} in a second so many are taken at once, and then as time allows`, async () => {
        await using limits = await open();
        const [node] = limits.nodes;
        const app = appWith({ maxTriggersPerSecond: rate });
        assert.equal(await takeAll(node, app), rate);
        clock.nowMs += 1_000;
        assert.equal(await takeAll(node, app), rate);
        clock.nowMs += 60_000;
        assert.equal(await takeAll(node, app), rate);
      });
    }

    it('[LM5] who asks all the time gets the rate, and no more', async () => {
      await using limits = await open();
      const [node] = limits.nodes;
      const app = appWith({ maxTriggersPerSecond: 100 });
      let taken = 0;
      for (let at = 0; at < 5_000; at += 5) {
        if (await isTaken(node, app)) taken += 1;
        clock.nowMs += 5;
      }
      // A second's worth at once, and the five seconds.
      assert.ok(taken <= 600 && taken >= 580, `${taken} of 600`);
    });

    it('[LM5] a refusal takes nothing and says how long to wait, which is enough', async () => {
      await using limits = await open();
      const [node] = limits.nodes;
      const app = appWith({ maxTriggersPerSecond: 4 });
      assert.equal(await takeAll(node, app), 4);
      for (let asked = 0; asked < 20; asked += 1) {
        const refused = await node.take(app, 'triggers', 2);
        assert.equal(refused.ok ? 0 : refused.waitMs, 500);
      }
      clock.nowMs += 499;
      assert.equal(await isTaken(node, app, 2), false);
      clock.nowMs += 1;
      assert.equal(await isTaken(node, app, 2), true);
    });

    it('[LM5] several at once are taken all or not at all', async () => {
      await using limits = await open();
      const [node] = limits.nodes;
      const app = appWith({ maxTriggersPerSecond: 10 });
      assert.equal(await isTaken(node, app, 7), true);
      assert.equal(await isTaken(node, app, 4), false);
      assert.equal(await isTaken(node, app, 3), true);
      assert.equal(await isTaken(node, app), false);
    });

    it('[LM6] more at once than a second has are taken when nothing is owed, and made up for', async () => {
      await using limits = await open();
      const [node] = limits.nodes;
      const app = appWith({ maxTriggersPerSecond: 5 });
      assert.equal(await isTaken(node, app, 10), true);
      assert.equal(await isTaken(node, app), false);
      clock.nowMs += 1_100;
      assert.equal(await isTaken(node, app), false);
      clock.nowMs += 100;
      assert.equal(await isTaken(node, app), true);
      assert.equal(await isTaken(node, app, 10), false);
      clock.nowMs += 1_000;
      assert.equal(await isTaken(node, app, 10), true);
    });

    it('[LM7] apps and kinds have rates of their own, and no limit is no limit', async () => {
      await using limits = await open();
      const [node] = limits.nodes;
      const app = appWith({ maxTriggersPerSecond: 2, maxReadsPerSecond: 3 });
      const other = appWith({ maxTriggersPerSecond: 2 }, '1002');
      assert.equal(await takeAll(node, app), 2);
      assert.equal(await takeAll(node, app, 'reads'), 3);
      assert.equal(await takeAll(node, other), 2);
      for (let at = 0; at < 1_000; at += 1)
        assert.equal(await isTaken(node, other, 1_000, 'reads'), true);
    });

    for (const rate of [10, 100]) {
      it(`[LM8] two nodes together take no more than ${rate} in a second`, async () => {
        await using limits = await open();
        const [one, two] = limits.nodes;
        const app = appWith({ maxTriggersPerSecond: rate });
        let taken = 0;
        for (let at = 0; at < 3 * rate; at += 1) {
          if (await isTaken(one, app)) taken += 1;
          if (await isTaken(two, app)) taken += 1;
        }
        assert.equal(taken, rate);
      });
    }

    it('[LM8] requests that come at the same time are served in turn', async () => {
      await using limits = await open();
      const app = appWith({ maxTriggersPerSecond: 50 });
      const asked = Array.from({ length: 200 }, (_, at) =>
        isTaken(limits.nodes[at % 2] ?? limits.nodes[0], app),
      );
      const taken = (await Promise.all(asked)).filter(Boolean).length;
      assert.equal(taken, 50);
    });
  });
}
