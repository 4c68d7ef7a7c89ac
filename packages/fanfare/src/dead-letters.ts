import { createLogger, createMetrics, type DeadLane, type Environment } from '@fanfare/core';
import { parseAppId, type AppId } from '@fanfare/protocol';
import { UsageError } from './arguments.ts';
import { chooseBackend, type State } from './backend.ts';
import { print } from './print.ts';
import { readClusterRole } from './read-role.ts';
import { webhooksRoleSettings } from './settings.ts';

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
  await withState(environment, async (state) => {
    if (app === undefined) return print(describeLanes(await deadLanes(state)));
    if (hook === undefined)
      throw new UsageError('dead: expected the id of a hook behind that of the app');
    const id = requireAppId(app);
    const found = await inPartitions(state, async (each) => state.deadLetters(each, id, hook, max));
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

/** Puts a lane's dead letters back into delivery, the oldest first; a worker delivers them. */
export async function replayDeadLetters(
  environment: Environment,
  { app, hook, to, max }: Replay,
): Promise<void> {
  await withState(environment, async (state) => {
    const from = { app: requireAppId(app), hook };
    let moved = 0;
    for (let partition = 0; partition < state.partitions && moved < max; partition += 1)
      // oxlint-disable-next-line no-await-in-loop -- each takes from what is left of the maximum
      moved += await state.replay(partition, from, to, max - moved);
    print(
      `${moved} event${moved === 1 ? '' : 's'} of app ${app}, hook ${hook} will be delivered again, to hook ${to}`,
    );
  });
}

async function withState(
  environment: Environment,
  use: (state: State) => Promise<void>,
): Promise<void> {
  const { settings } = readClusterRole(webhooksRoleSettings, environment);
  const log = createLogger('webhooks', 'warn');
  const metrics = createMetrics('webhooks');
  const stopping = new AbortController().signal;
  const backend = chooseBackend(settings.REDIS_URL, {
    role: 'webhooks',
    replicas: settings.REDIS_REPLICAS,
    log,
    metrics,
    stopping,
  });
  await using state = await backend.openState();
  await use(state);
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

function describeLanes(lanes: readonly DeadLane[]): string {
  if (lanes.length === 0) return 'no dead letters';
  const rows = lanes.map(({ app, hook, letters }) => `${app}  ${hook}  ${letters}`);
  return ['app  hook  events', ...rows].join('\n');
}

function requireAppId(text: string): AppId {
  const id = parseAppId(text);
  if (id === undefined) throw new UsageError(`'${text}' is no id of an app`);
  return id;
}
