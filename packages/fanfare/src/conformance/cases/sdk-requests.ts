import { same } from '../expect.ts';
import { type Reply, succeeded } from '../http.ts';
import type { Kit } from '../kit.ts';
import { type Params, signedParams } from '../signing.ts';

export const JSON_TYPE = { 'content-type': 'application/json' } as const;

/** Parameters behind a path as they are, the way of Node's SDK. */
export function plainTarget(path: string, params: Params): string {
  return `${path}?${params.map(([name, value]) => `${name}=${value}`).join('&')}`;
}

export async function post(
  kit: Kit,
  rest: string,
  body: string,
  write: (path: string, params: Params) => string,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): Promise<Reply> {
  const path = kit.api.path(rest);
  const params = signedParams(kit.credentials, { method: 'POST', path, body });
  return kit.api.send({ method: 'POST', target: write(path, params), headers, body });
}

/** The event has to reach a subscriber whose server was called by an SDK. */
export async function delivered(
  kit: Kit,
  send: (channel: string, data: string) => Promise<Reply>,
): Promise<void> {
  const channel = kit.name();
  const client = await kit.connect({ edge: 1 });
  await client.subscribe(channel);
  const data = '{"message":"hello é","n":[1,2.0]}';
  same(succeeded(await send(channel, data)), {}, 'the answer');
  await client.expect({ event: 'my-event', channel, data });
}

/** Presence with one member, and what the list says of it. */
export async function listed(
  kit: Kit,
  target: (path: string, channel: string) => string,
): Promise<void> {
  const channel = kit.name('presence-');
  const client = await kit.connect();
  await client.join(channel, '7');
  await kit.eventually(async () => {
    const path = kit.api.path('/channels');
    const reply = await kit.api.send({ method: 'GET', target: target(path, channel) });
    same(succeeded(reply)['channels'], { [channel]: { user_count: 1 } }, 'channels');
  });
}
