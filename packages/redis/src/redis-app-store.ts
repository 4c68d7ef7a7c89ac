import { Failure, type AppStore } from '@fanfare/core';
import { CommandLink } from './command-link.ts';
import { plainError } from './connect.ts';
import { connectOptions } from './connect-options.ts';
import { createBusCounters } from './counters.ts';
import { registryKeys } from './keys.ts';
import { Opening } from './opening.ts';
import type { RedisBusOptions } from './redis-bus.ts';
import { asList, asNumber, asPairs, asText } from './reply.ts';
import { isForgottenScript, readScript, type Script } from './script.ts';

const scripts = { read: readScript('apps-read'), change: readScript('apps-change') } as const;

/** What a link needs to know for a store on it. */
export const appStoreScripts: readonly Script[] = Object.values(scripts);

/** The apps in Redis, over a link that is up or not; every call fails at once with `Failure('unavailable')` while it is not. */
export function createRedisAppStore(link: Pick<CommandLink, 'client' | 'up'>): AppStore {
  const { hash, version, topic } = registryKeys;
  return {
    async read(known) {
      const reply = asList(await call(link, scripts.read, [hash, version], [known ?? '']));
      const current = asText(reply[0]);
      if (current !== '' && current === known) return undefined;
      const entries = new Map(
        asPairs(reply.slice(1)).map(([id, settings]) => [id, asText(settings)]),
      );
      return { version: current === '' ? undefined : current, entries };
    },
    async change(expected, { version: next, entries }) {
      const changes = [...entries].flatMap(([id, settings]) => [id, settings ?? '']);
      const args = [expected ?? '', next, ...changes];
      return asNumber(await call(link, scripts.change, [hash, version, topic], args)) === 1;
    },
  };
}

/** For an operator's command. Waits for Redis and rejects as `openRedisBus` does. */
export async function openRedisAppStore(
  options: Omit<RedisBusOptions, 'counters'>,
): Promise<AppStore & AsyncDisposable> {
  const opening = new Opening();
  const link = new CommandLink(
    { ...connectOptions(options), counters: createBusCounters(), scripts: appStoreScripts },
    {
      onUp(up) {
        if (up) opening.settle();
      },
      onRefused: (failure) => opening.settle(failure),
    },
  );
  const close = async (): Promise<void> => link[Symbol.asyncDispose]();
  await opening.wait(options.signal, close);
  return { ...createRedisAppStore(link), [Symbol.asyncDispose]: close };
}

async function call(
  { client, up }: Pick<CommandLink, 'client' | 'up'>,
  { text, digest }: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  if (!up) throw new Failure('unavailable', 'the link to Redis is down');
  try {
    return await client.evalsha(digest, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error && isForgottenScript(error))) throw unavailable(error);
  }
  try {
    await client.script('LOAD', text);
    return await client.evalsha(digest, keys.length, ...keys, ...args);
  } catch (error) {
    throw unavailable(error);
  }
}

function unavailable(error: unknown): Failure {
  return new Failure('unavailable', 'Redis did not answer for the apps', {
    cause: plainError(error),
  });
}
