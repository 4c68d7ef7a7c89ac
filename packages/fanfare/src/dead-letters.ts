import {
  createLogger,
  createMetrics,
  hookOfLane,
  isFailure,
  type App,
  type DeadLane,
  type DeadLaneName,
  type Environment,
} from '@fanfare/core';
import { parseAppId, type AppId } from '@fanfare/protocol';
import { appsNow } from './apps-from.ts';
import { UsageError } from './arguments.ts';
import { chooseBackend, stateSettingOf, type State } from './backend.ts';
import { print, printError } from './print.ts';
import { readClusterRole } from './read-role.ts';
import { webhooksRoleSettings } from './settings.ts';

/** How long Redis may take to be there. A worker would wait for ever; a person would wonder. */
const PATIENCE_MS = 5_000;

export interface DeadLettersAsked {
  readonly app: string | undefined;
  readonly hook: string | undefined;
  /** Events shown or replayed at most. */
  readonly max: number;
}

/** Prints the lanes that have dead letters, or the letters of one lane, one a line. */
export async function listDeadLetters(
  environment: Environment,
  { app, hook, max }: DeadLettersAsked,
): Promise<void> {
  if (app === undefined)
    return withState(environment, async (state) => print(describeLanes(await deadLanes(state))));
  if (hook === undefined)
    throw new UsageError('dead: expected the id of a hook behind that of the app');
  const lane = { app: requireAppId(app), hook };
  return withState(environment, async (state, apps) => {
    if ((await lettersOf(state, lane)) === 0) {
      requireHook(apps, lane);
      // Not among the events, which a program may read.
      return printError(`no dead letters of app ${app}, hook ${hook}`);
    }
    const found = await inPartitions(state, async (each) =>
      state.deadLetters(each, lane.app, hook, max),
    );
    const newest = found.flat().toSorted((a, b) => a.entry.timeMs - b.entry.timeMs);
    for (const { entry, reason } of newest.slice(-max))
      print(JSON.stringify({ id: entry.id, time_ms: entry.timeMs, event: entry.event, reason }));
    return undefined;
  });
}

export interface Replay {
  readonly app: string;
  readonly hook: string;
  /** The hook that gets them: another one when the address was corrected. */
  readonly to: string;
  readonly max: number;
}

/** Puts a lane's dead letters back into delivery, the oldest of each partition first; a worker delivers them. */
export async function replayDeadLetters(
  environment: Environment,
  { app, hook, to, max }: Replay,
): Promise<void> {
  const from = { app: requireAppId(app), hook };
  await withState(environment, async (state, apps) => {
    // What no worker has an address for would only die again, an hour later.
    requireHook(apps, { app: from.app, hook: to });
    if ((await lettersOf(state, from)) === 0) requireHook(apps, from);
    let moved = 0;
    for (let partition = 0; partition < state.partitions && moved < max; partition += 1)
      // oxlint-disable-next-line no-await-in-loop -- each takes from what is left of the maximum
      moved += await state.replay(partition, from, to, max - moved);
    const left = await lettersOf(state, from);
    print(
      `${events(moved)} of app ${app}, hook ${hook} will be delivered again, to hook ${hookOfLane(to)}` +
        (left === 0 ? '' : `; of ${left} more, repeat the command when these are delivered`),
    );
  });
}

async function withState(
  environment: Environment,
  use: (state: State, apps: readonly App[]) => Promise<void>,
): Promise<void> {
  const { settings, apps } = readClusterRole(webhooksRoleSettings, environment);
  const backend = chooseBackend(settings, {
    role: 'webhooks',
    replicas: settings.REDIS_REPLICAS,
    // Standard output is for what was asked.
    log: createLogger('webhooks', 'silent'),
    metrics: createMetrics('webhooks'),
    stopping: AbortSignal.timeout(PATIENCE_MS),
  });
  try {
    await using state = await backend.openState();
    await use(state, await appsNow(apps, backend));
  } catch (error) {
    if (isFailure(error, 'closed'))
      throw new UsageError(
        `the Redis of ${stateSettingOf(settings)} was not there within ${PATIENCE_MS / 1_000} s; is it running?`,
        { cause: error },
      );
    if (!isFailure(error, 'unavailable')) throw error;
    throw new UsageError(`${error.message}; some of it may have been done`, { cause: error });
  }
}

async function inPartitions<T>(
  state: State,
  ask: (partition: number) => Promise<T>,
): Promise<readonly T[]> {
  const partitions = Array.from({ length: state.partitions }, (_, partition) => partition);
  return Promise.all(partitions.map(ask));
}

async function deadLanes(state: State): Promise<readonly DeadLane[]> {
  const found = await inPartitions(state, async (each) => state.deadLanes(each));
  const lanes = new Map<string, DeadLane>();
  for (const lane of found.flat()) {
    const key = `${lane.app} ${lane.hook}`;
    lanes.set(key, { ...lane, letters: lane.letters + (lanes.get(key)?.letters ?? 0) });
  }
  return [...lanes.values()];
}

async function lettersOf(state: State, { app, hook }: DeadLaneName): Promise<number> {
  const lanes = await deadLanes(state);
  return lanes.find((lane) => lane.app === app && lane.hook === hook)?.letters ?? 0;
}

function describeLanes(lanes: readonly DeadLane[]): string {
  if (lanes.length === 0) return 'no dead letters';
  const rows = lanes.map(({ app, hook, letters }) => `${app}  ${hook}  ${letters}`);
  return ['app  hook  events', ...rows].join('\n');
}

function events(count: number): string {
  return `${count} event${count === 1 ? '' : 's'}`;
}

function requireAppId(text: string): AppId {
  const id = parseAppId(text);
  if (id === undefined) throw new UsageError(`'${text}' is no id of an app`);
  return id;
}

/** Refuses a hook that no app has, and says which there are. Addresses may hold a token; hosts do not. */
function requireHook(apps: readonly App[], { app: id, hook }: DeadLaneName): void {
  const app = apps.find((each) => each.id === id);
  if (app === undefined) {
    const known = apps.map((each) => each.id).join(', ');
    throw new UsageError(`there is no app ${id}; there is ${known === '' ? 'none' : known}`);
  }
  if (app.webhooks.some((each) => each.id === hookOfLane(hook))) return;
  const hooks = app.webhooks.map((each) => `${each.id} (${new URL(each.url).host})`);
  const known = hooks.length === 0 ? 'no webhook' : hooks.join(', ');
  throw new UsageError(`app ${id} has no webhook '${hook}'; it has ${known}`);
}
