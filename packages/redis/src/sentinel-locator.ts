import { Failure, isFailure, type RedisAddress, type RedisSentinels } from '@fanfare/core';
import { plainError } from './connect.ts';
import { addressText, isSameAddress, type Locator } from './locator.ts';
import { Sentinel, type MasterKnown, type SentinelOptions } from './sentinel.ts';

/**
 * The master behind sentinels. All of them are asked before every connection, and the one with the
 * latest knowledge is believed: one that was cut off from the others tells of the master before.
 * While there are connections one of them is asked every second, so that these need not find out
 * by themselves that their server is none any more. That is not left to Sentinel's own notices: an
 * answer that does not come is noticed, a notice that was lost is not.
 */
export class SentinelLocator implements Locator {
  readonly mastersOnly = true;
  readonly #at: RedisSentinels;
  readonly #options: SentinelOptions;
  readonly #listeners = new Set<(address: RedisAddress) => void>();
  #known: MasterKnown | undefined;
  /** The questions on their way: links that open at one time share them. */
  #asking: Promise<MasterKnown> | undefined;
  #polling: NodeJS.Timeout | undefined;
  #polled: Sentinel | undefined;
  #isPolling = false;
  /** Which one is asked every second; the next one when it does not answer. */
  #turn = 0;

  constructor(at: RedisSentinels, options: SentinelOptions) {
    this.#at = at;
    this.#options = options;
  }

  async locate(): Promise<RedisAddress> {
    this.#asking ??= this.#askAll().finally(() => {
      this.#asking = undefined;
    });
    const found = await this.#asking;
    this.#learn(found);
    // Also what is older: sentinels that were set up anew count from the beginning.
    this.#known = found;
    return found.address;
  }

  watch(onMoved: (address: RedisAddress) => void): () => void {
    this.#listeners.add(onMoved);
    this.#polling ??= setInterval(() => void this.#poll(), this.#options.limits.sentinelMs);
    return () => {
      this.#listeners.delete(onMoved);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#polling);
      this.#polling = undefined;
      this.#polled?.close();
      this.#polled = undefined;
    };
  }

  #learn(found: MasterKnown): void {
    const before = this.#known;
    if (before !== undefined && found.epoch <= before.epoch) return;
    this.#known = found;
    if (before === undefined || isSameAddress(found.address, before.address)) return;
    const { master } = this.#at;
    const fields = { master, from: addressText(before.address), to: addressText(found.address) };
    this.#options.log.info(fields, 'another Redis has become the master');
    for (const listener of this.#listeners) listener(found.address);
  }

  /** Waits for more than half of them, if so many answer; the rest may be frozen. */
  async #askAll(): Promise<MasterKnown> {
    const { sentinels } = this.#at;
    const answers: MasterKnown[] = [];
    const failures: Error[] = [];
    const majority = Math.floor(sentinels.length / 2) + 1;
    await new Promise<void>((resolve) => {
      const ask = async (address: RedisAddress): Promise<void> => {
        const answer = await this.#askOne(address);
        if (answer instanceof Error) failures.push(answer);
        else answers.push(answer);
        const all = answers.length + failures.length === sentinels.length;
        if (all || answers.length >= majority) resolve();
      };
      for (const address of sentinels) void ask(address);
    });
    const latest = answers.reduce<MasterKnown | undefined>(
      (best, answer) => (best === undefined || answer.epoch > best.epoch ? answer : best),
      undefined,
    );
    if (latest !== undefined) return latest;
    // One that says so alone may have been started a moment ago.
    const refusals = failures.filter((failure) => isFailure(failure, 'misconfigured'));
    const [refusal] = refusals;
    if (refusal !== undefined && refusals.length >= majority) throw refusal;
    const said = failures.map(({ message }) => message).toSorted();
    throw new Error(`no sentinel tells where the master is: ${said.join('; ')}`);
  }

  async #askOne(address: RedisAddress): Promise<MasterKnown | Error> {
    const sentinel = new Sentinel(address, this.#at, this.#options);
    try {
      return await sentinel.ask();
    } catch (error) {
      if (error instanceof Failure) return error;
      const { message } = plainError(error);
      const where = addressText(address);
      return new Error(message.includes(where) ? message : `${where}: ${message}`);
    } finally {
      sentinel.close();
    }
  }

  async #poll(): Promise<void> {
    const { sentinels } = this.#at;
    const address = sentinels[this.#turn % sentinels.length];
    // Before the first connection there is nothing that could be told to be another.
    if (address === undefined || this.#known === undefined || this.#isPolling) return;
    const sentinel = (this.#polled ??= new Sentinel(address, this.#at, this.#options));
    this.#isPolling = true;
    try {
      const found = await sentinel.ask();
      if (sentinel === this.#polled) this.#learn(found);
    } catch {
      // Links that need the answer ask all of them, and tell the trouble.
      sentinel.close();
      if (sentinel === this.#polled) this.#polled = undefined;
      this.#turn += 1;
    } finally {
      this.#isPolling = false;
    }
  }
}
