import { isDeepStrictEqual } from 'node:util';
import PusherServer from 'pusher';
import { metric, type Cluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import { openRawSocket, type RawSocket } from './raw-socket.ts';

type Counts = Readonly<Record<string, number>>;

/** The answer of the HTTP API to a question, asked by the official SDK. */
export async function ask(
  sdk: PusherServer,
  path: string,
  params: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const response = await sdk.get({ path, params });
  return response.json();
}

/** Subscriptions by channel, as the API counts them; 0 for a channel that nobody has. */
async function countsOf(sdk: PusherServer, channels: readonly string[]): Promise<Counts> {
  const counts = channels.map(async (channel) => {
    const answer = await ask(sdk, `/channels/${channel}`, { info: 'subscription_count' });
    const { subscription_count: count } = answer as { readonly subscription_count: number };
    return [channel, count] as const;
  });
  return Object.fromEntries(await Promise.all(counts));
}

/** Waits until the counts are these; while the store is away there are none. */
export async function untilCounts(
  sdk: PusherServer,
  expected: Counts,
  patienceMs?: number,
): Promise<void> {
  let counts: Counts | undefined;
  await eventually(
    async () => {
      counts = await countsOf(sdk, Object.keys(expected)).catch((error: unknown) => {
        if (error instanceof PusherServer.RequestError && error.status === 503) return undefined;
        throw error;
      });
      return isDeepStrictEqual(counts, expected);
    },
    () => `expected ${JSON.stringify(expected)}, counted ${JSON.stringify(counts)}`,
    patienceMs,
  );
}

/** Waits until triggers are taken, and every edge gets what is published. */
export async function untilEventsFlow(cluster: Cluster): Promise<void> {
  for (const edge of cluster.edges)
    await eventually(
      async () => (await metric(edge, 'fanfare_bus_up')) === 1,
      () => 'the message bus of an edge is not up',
    );
  await untilAccepted(cluster);
}

/** As a backend does that repeats what was answered 503. */
export async function untilAccepted(cluster: Cluster): Promise<void> {
  await eventually(
    async () => {
      try {
        await cluster.serverSdk(0).trigger('elsewhere', 'e', '');
        return true;
      } catch (error) {
        if (error instanceof PusherServer.RequestError && error.status === 503) return false;
        throw error;
      }
    },
    () => 'triggers are refused although Redis is back',
  );
}

/** Ids of a presence channel's users, as the API lists them. */
export async function usersOf(sdk: PusherServer, channel: string): Promise<readonly string[]> {
  const { users } = (await ask(sdk, `/channels/${channel}/users`)) as {
    readonly users: readonly { readonly id: string }[];
  };
  return users.map(({ id }) => id).toSorted();
}

/** A client without an SDK on an edge, with these subscriptions; to presence channels as the user. */
export async function openClient(
  cluster: Cluster,
  edge: number,
  channels: readonly string[],
  user?: string,
): Promise<RawSocket> {
  const socket = await openRawSocket(cluster.edgeUrl(edge));
  for (const channel of channels) await join(cluster, socket, channel, user);
  return socket;
}

async function join(
  cluster: Cluster,
  socket: RawSocket,
  channel: string,
  user: string | undefined,
): Promise<void> {
  socket.send('pusher:subscribe', subscription(cluster.serverSdk(0), socket.id, channel, user));
  // Others of the channel may come and go before the answer.
  const frames = await socket.frames.takeUntil(
    ({ event }) => event === 'pusher_internal:subscription_succeeded' || event === 'pusher:error',
  );
  const answer = frames.at(-1);
  if (answer?.event === 'pusher:error')
    throw new Error(`subscribe to ${channel} was answered ${JSON.stringify(answer)}`);
}

/** What a client says to subscribe, signed as the backend of the app would. */
export function subscription(
  sdk: PusherServer,
  socketId: string,
  channel: string,
  user?: string,
): Readonly<Record<string, string>> {
  if (!/^(private|presence)-/.test(channel)) return { channel };
  const member =
    user === undefined ? undefined : { user_id: user, user_info: { name: `user ${user}` } };
  return { channel, ...sdk.authorizeChannel(socketId, channel, member) };
}
