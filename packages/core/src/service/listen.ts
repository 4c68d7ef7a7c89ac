import { once } from 'node:events';
import type { Server } from 'node:net';
import { SettingsError } from './settings.ts';

/** Listens, or says in one line which setting asks for a port that cannot be had. */
export async function listen(
  server: Server,
  host: string,
  port: number,
  setting: string,
): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const why = REFUSALS[code] ?? String(error);
    throw new SettingsError([`${setting}: cannot listen on ${host}:${port}: ${why}`]);
  }
}

const REFUSALS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'there is no such host',
  EACCES: 'this process may not listen there',
};
