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
    throw new SettingsError([
      `${setting}: cannot listen on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  }
}
