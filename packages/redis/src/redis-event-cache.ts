import { decodeEnvelope, Failure, type EventCache, type Recalled } from '@fanfare/core';
import type { ChannelKey } from '@fanfare/protocol';
import type { CommandLink } from './command-link.ts';
import { plainError } from './connect.ts';
import { cacheKey } from './keys.ts';
import type { RedisLimits } from './limits.ts';
import { asList, asNumber, asText } from './reply.ts';
import { isForgottenScript, readScript } from './script.ts';

export const recallScript = readScript('recall');

/** Reads over the connection that publishes: what a process has published before, it finds. */
export class RedisEventCache implements EventCache {
  readonly #link: CommandLink;
  readonly #missMs: number;
  #closed = false;

  constructor(link: CommandLink, { cacheMissMs }: RedisLimits) {
    this.#link = link;
    this.#missMs = cacheMissMs;
  }

  close(): void {
    this.#closed = true;
  }

  async recall(channel: ChannelKey, telling: boolean): Promise<Recalled> {
    if (this.#closed) throw new Failure('closed', 'the bus was closed');
    if (!this.#link.up) throw new Failure('unavailable', 'the link to Redis is down');
    try {
      const args = [cacheKey(channel), telling ? this.#missMs : 0] as const;
      return parseRecalled(await this.#run(args));
    } catch (error) {
      throw new Failure('unavailable', 'Redis did not tell what a channel keeps', {
        cause: plainError(error),
      });
    }
  }

  async #run(args: readonly [key: string, missMs: number]): Promise<unknown> {
    const { client } = this.#link;
    try {
      return await client.evalsha(recallScript.digest, 1, ...args);
    } catch (error) {
      if (!(error instanceof Error && isForgottenScript(error))) throw error;
    }
    await client.script('LOAD', recallScript.text);
    return client.evalsha(recallScript.digest, 1, ...args);
  }
}

function parseRecalled(reply: unknown): Recalled {
  const [first, leftMs] = asList(reply);
  if (typeof first === 'number') return { event: undefined, isFirst: first === 1 };
  const envelope = decodeEnvelope(Buffer.from(asText(first)));
  // Another program wrote there; the next event overwrites it.
  if (envelope === undefined) return { event: undefined, isFirst: false };
  const { epoch, seq, frame } = envelope;
  const text = Buffer.from(frame).toString('utf8');
  return { event: { frame: text, place: { epoch, seq }, leftMs: asNumber(leftMs) } };
}
