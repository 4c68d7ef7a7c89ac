import { Failure } from '@fanfare/core';
import type { Redis } from 'ioredis';
import { layoutKey } from './keys.ts';
import { PARTITIONS } from './partitions.ts';

/** Sharded publish and subscribe came with Redis 7.0; Valkey began above that. */
const OLDEST_MAJOR = 7;

/**
 * Rejects with `Failure('misconfigured')` when this server cannot carry the bus. Run on every
 * connection: a server that came back may be another one, or empty.
 */
export async function checkServer(client: Redis): Promise<void> {
  const problem = versionProblem(await client.info('server'));
  if (problem !== undefined) throw new Failure('misconfigured', problem);
  const found = await client.set(layoutKey, PARTITIONS, 'NX', 'GET');
  if (found !== null && found !== String(PARTITIONS)) {
    throw new Failure(
      'misconfigured',
      `This Redis holds a layout of ${found} partitions (key ${layoutKey}), and this version of Fanfare uses ${PARTITIONS}. ` +
        'Give it a Redis or a database of its own, or stop every process of the other version and delete the key.',
    );
  }
}

/** Undefined when the server of this `INFO server` is new enough, else the sentence that says what is wrong. */
export function versionProblem(info: string): string | undefined {
  // Valkey tells the version of Redis that it is compatible with in the same field.
  const version = /^redis_version:(\S+)/m.exec(info)?.[1];
  const major = Number(version?.split('.')[0]);
  if (version !== undefined && major >= OLDEST_MAJOR) return undefined;
  return `Redis ${OLDEST_MAJOR}.0 or newer is needed (or Valkey), and this one says that it is ${version ?? 'of no known version'}.`;
}
