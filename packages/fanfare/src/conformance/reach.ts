import { Client } from './client.ts';
import { reasonOf, shown } from './expect.ts';
import { Api } from './http.ts';
import type { Target } from './kit.ts';
import { HandshakeError, openWireSocket, type Address } from './websocket.ts';

/** Whether there is a server to test at all; otherwise one sentence that says what is missing. */
export async function unreachable(target: Target): Promise<string | undefined> {
  for (const edge of target.edges) {
    const why = await whySocketFails(target, edge);
    if (why !== undefined) return why;
  }
  return whyApiFails(target);
}

async function whySocketFails(target: Target, edge: Address): Promise<string | undefined> {
  const at = `${edge.tls ? 'wss' : 'ws'}://${edge.host}:${edge.port}`;
  const { credentials, patienceMs, wsPath } = target;
  try {
    const path = `${wsPath}/app/${credentials.key}?protocol=7`;
    const wire = await openWireSocket(edge, path, { patienceMs });
    const client = new Client(wire, credentials, patienceMs);
    try {
      const first = await client.next('a first frame');
      if (!shown(first).includes('4001')) return undefined;
      return `${at} does not know the key '${credentials.key}'`;
    } catch {
      // What the first frame is, is for the cases to judge.
      return undefined;
    } finally {
      wire.destroy();
    }
  } catch (error) {
    if (error instanceof HandshakeError) return `${at}: ${error.message}`;
    return `cannot reach ${at}: ${reasonOf(error)}`;
  }
}

async function whyApiFails({
  api: address,
  credentials,
  patienceMs,
}: Target): Promise<string | undefined> {
  const at = `${address.tls ? 'https' : 'http'}://${address.host}:${address.port}`;
  const api = new Api(address, credentials, patienceMs);
  try {
    const { status, text } = await api.get(api.path('/channels'));
    if (status !== 401) return undefined;
    return `${at} answered 401: ${shown(text)}; are --app-id, --key and --secret those of the server?`;
  } catch (error) {
    return `cannot reach ${at}: ${reasonOf(error)}`;
  } finally {
    api.close();
  }
}
