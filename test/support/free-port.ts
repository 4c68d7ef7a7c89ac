import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections: one of those could take the port
 * between this look and the moment at which its server listens.
 */
const FIRST = 10_240;
const COUNT = 20_480;
const ATTEMPTS = 100;

const given = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on at this moment, and another one with every call. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    // By chance, as several test files look for ports at the same time.
    const port = FIRST + Math.floor(Math.random() * COUNT);
    // oxlint-disable-next-line no-await-in-loop -- one is enough
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`no port from ${FIRST} to ${FIRST + COUNT - 1} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  // On every address, as some servers of ours listen there.
  server.listen(port);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
