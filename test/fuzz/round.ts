import { channelKey, connectionsKey, parseChannelName, userChannel } from '@fanfare/protocol';
import type { EdgeUnderTest } from '../../packages/edge/test/edge-under-test.ts';
import { eventually } from '../eventually.ts';
import { Chance } from '../support/seeded.ts';
import { attacked, fuzzApps, parsedApp, type FuzzApp } from './apps.ts';
import { attack, newTally, type Tally } from './attack.ts';
import type { Findings } from './judge.ts';
import type { World } from './world.ts';
import { CHANNELS, userIds } from './words.ts';

const ATTACKERS = 8;
const LIVES = 6;
const ACTIONS = 60;

export interface RoundOptions {
  readonly tally?: Tally;
  /** Sockets of each attacker, one after the other. */
  readonly lives?: number;
  /** Instead of changing the apps now and then. */
  readonly disturb?: (chance: Chance) => void;
}

/** Everything that attackers do with one seed; resolves when all of their sockets are closed. */
export async function round(
  world: World,
  seed: number,
  findings: Findings,
  { tally = newTally(), lives = LIVES, disturb = changeApps(world) }: RoundOptions = {},
): Promise<void> {
  const plan = { target: world.target, findings, tally, lives, actions: ACTIONS, disturb };
  await Promise.all(
    Array.from({ length: ATTACKERS }, async (_, index) => {
      const app = attacked[index % attacked.length] ?? fuzzApps.one;
      await attack({ ...plan, app, chance: new Chance(seed * 1_000 + index) });
    }),
  );
  world.restoreApps();
}

function changeApps(world: World): (chance: Chance) => void {
  return (chance) => {
    if (chance.below(2) === 0) world.changeApps(chance);
    else world.restoreApps();
  };
}

const HELD = ['connections', 'subscriptions', 'channels', 'signedIn', 'watchedUsers'] as const;

/** Resolves when nothing is left of the attackers, in the edges and in the state. */
export async function quiet(
  world: World,
  before: readonly Readonly<EdgeUnderTest['counters']>[],
): Promise<void> {
  for (const [at, { counters }] of world.edges.entries()) {
    const wrong = (): readonly string[] =>
      HELD.filter((name) => counters[name] !== before[at]?.[name]).map(
        (name) => `${counters[name]} ${name} where ${before[at]?.[name]} were before`,
      );
    await eventually(
      () => wrong().length === 0,
      () => `edge ${at} has ${wrong().join(', ')}`,
    );
  }
  for (const app of attacked)
    await eventually(
      async () => isForgotten(world, app),
      () => `the state knows of channels or users of ${app.key} whose sockets are closed`,
    );
}

async function isForgotten({ state }: World, app: FuzzApp): Promise<boolean> {
  const { id } = parsedApp(app);
  const users = userIds(app).flatMap((user) => userChannel(user) ?? []);
  const names = [...CHANNELS.flatMap((name) => parseChannelName(name) ?? []), ...users];
  const keys = names.map((name) => channelKey(id, name));
  const counts = await state.counts([...keys, connectionsKey(id)]);
  const online = await state.online(users.map((user) => channelKey(id, user)));
  return (
    (await state.occupied(id, '')).length === 0 &&
    counts.every((count) => count.subscriptions + count.users === 0) &&
    !online.some((each) => each.online)
  );
}
