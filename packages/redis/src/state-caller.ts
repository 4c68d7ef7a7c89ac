import { Failure, type OutboxLimits, type StateTiming } from '@fanfare/core';
import type { ChainableCommander } from 'ioredis';
import type { CommandLink } from './command-link.ts';
import { plainError } from './connect.ts';
import { leaseKey } from './keys.ts';
import { isForgottenScript, type Script } from './script.ts';
import type { StateScripts } from './state-scripts.ts';

type Argument = string | number;

/** What the parts of the state store have in common. */
export interface StateCallerOptions {
  readonly scripts: StateScripts;
  readonly timing: StateTiming;
  readonly limits: OutboxLimits;
  /** 0 for the clock of Redis; tests have a clock of their own. */
  readonly nowMs: () => number;
}

/** Runs scripts on partitions, one at a time each. Fails at once when Redis is away; the caller knows what may be repeated. */
export class StateCaller {
  readonly options: StateCallerOptions;
  readonly #link: CommandLink;
  #closed = false;

  constructor(link: CommandLink, options: StateCallerOptions) {
    this.#link = link;
    this.options = options;
  }

  close(): void {
    this.#closed = true;
  }

  /** A script that only needs the names. */
  async call(script: Script, partition: number, ...args: readonly Argument[]): Promise<unknown> {
    return this.#run(script, leaseKey(partition), [this.options.nowMs(), ...args]);
  }

  /** A script that counts, with what `lua/state-decide.lua` wants to know. */
  async decide(script: Script, partition: number, ...args: readonly Argument[]): Promise<unknown> {
    const { timing, limits, nowMs } = this.options;
    const { unroutedEvents, gatherMs } = limits;
    const shared = [nowMs(), timing.downDelayMs, unroutedEvents, gatherMs];
    return this.#run(script, leaseKey(partition), [...shared, ...args]);
  }

  /** A script that tends, with what `lua/state-upkeep.lua` wants to know. */
  async tend(script: Script, partition: number, ...args: readonly Argument[]): Promise<unknown> {
    const { leaseMs, guardMs, tombstoneMs } = this.options.timing;
    const { reapShares, reconcileSubjects } = this.options.limits;
    const shared = [leaseMs, guardMs, tombstoneMs, reapShares, reconcileSubjects];
    return this.decide(script, partition, ...shared, ...args);
  }

  /** Plain commands in one pipeline; rejects when one of them failed. */
  async pipeline(add: (pipeline: ChainableCommander) => void): Promise<readonly unknown[]> {
    this.#mustBeUp();
    const pipeline = this.#link.client.pipeline();
    add(pipeline);
    const results = (await pipeline.exec()) ?? [];
    const failed = results.find(([error]) => error !== null)?.[0];
    if (failed !== undefined && failed !== null) throw unavailable(failed);
    return results.map(([, reply]) => reply);
  }

  /** True when so many replicas have all that this connection has written and read so far. */
  async replicated(replicas: number, waitMs: number): Promise<boolean> {
    this.#mustBeUp();
    try {
      return (await this.#link.client.wait(replicas, waitMs)) >= replicas;
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** What Redis says of its replicas. */
  async replicationInfo(): Promise<string> {
    this.#mustBeUp();
    try {
      return await this.#link.client.info('replication');
    } catch (error) {
      throw unavailable(error);
    }
  }

  async #run(script: Script, key: string, args: readonly Argument[]): Promise<unknown> {
    this.#mustBeUp();
    try {
      return await this.#link.client.evalsha(script.digest, 1, key, ...args);
    } catch (error) {
      if (!(error instanceof Error && isForgottenScript(error))) throw unavailable(error);
    }
    const [, reply] = await this.pipeline((pipeline) =>
      pipeline.script('LOAD', script.text).evalsha(script.digest, 1, key, ...args),
    );
    return reply;
  }

  #mustBeUp(): void {
    if (this.#closed) throw new Failure('closed', 'the state store was closed');
    if (!this.#link.up) throw new Failure('unavailable', 'the link to Redis is down');
  }
}

function unavailable(error: unknown): Failure {
  return new Failure('unavailable', 'Redis did not answer for the state store', {
    cause: plainError(error),
  });
}
