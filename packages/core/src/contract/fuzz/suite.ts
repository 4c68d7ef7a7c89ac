import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fuzzModes, type FuzzModeName } from './modes.ts';
import { runFuzz, type OpenFuzzStore } from './run.ts';

export interface FuzzSuiteOptions {
  /** Runs per mode; `FUZZ_SEEDS` overrides it. */
  readonly seeds: number;
  /** Runs at the same time; a store behind a network has time for several. */
  readonly atOnce: number;
}

/** Seeds that once found a bug are run every time. */
const PAST_FAILURES: Readonly<Partial<Record<FuzzModeName, readonly number[]>>> = {
  // The clock went back and forth between two tends.
  clock: [667],
};

const RULES: Readonly<Record<FuzzModeName, string>> = {
  network: '[OC11][SU15] lost, repeated and late calls leave counts and events right',
  crash: '[OC11][SU15] edges that crash, pause and leave leave counts and events right',
  stall:
    '[OC7] a store that stands still for up to 15 s writes nobody off and announces nothing wrong',
  alone: '[IC4] where no worker runs, edges alone leave counts right, whoever crashes or pauses',
  aloneStall: '[IC4] where no worker runs, a store that stands still writes nobody off either',
  clock: '[OC7] a clock of the store that jumps writes nobody off and announces nothing wrong',
  storm:
    '[OC11] [JC5] crashes, pauses, stalls and lost calls together leave counts, events and their order right',
  full: '[OB9] of what happens while outbox and lanes are full all the time, each event is delivered or a dead letter',
  failover:
    '[OC12] failovers that lose writes leave counts right, and events once they wait for the replica',
  talk: '[CO5] a client event is told amid its channel and its member, whatever is lost or late',
  'talk-full':
    '[CO5] a client event is told amid its channel and its member, however little room there is',
  'talk-failover':
    '[CO5] a client event is told amid its channel and its member, also after failovers',
  wipe: '[OC12] a store that lost everything has the right counts again',
};

/** `FUZZ_SEED=7` runs that seed alone, `FUZZ_SEEDS=1000` so many per mode, `FUZZ_MODE=storm` one mode. */
export function stateFuzz(
  implementation: string,
  openStore: OpenFuzzStore,
  options: FuzzSuiteOptions,
): void {
  describe(`State fuzz: ${implementation}`, () => {
    for (const mode of modeNames()) {
      it(RULES[mode], async (test) => {
        const seeds = seedsOf(mode, options.seeds);
        const failures: string[] = [];
        let [calls, events, fences] = [0, 0, 0];
        const runNext = async (): Promise<void> => {
          for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
            const outcome = await runFuzz(seed, fuzzModes[mode], openStore);
            calls += outcome.calls;
            events += outcome.told.length;
            fences += outcome.fences;
            if (outcome.wrong.length > 0)
              failures.push(`FUZZ_MODE=${mode} FUZZ_SEED=${seed}: ${outcome.wrong.join('; ')}`);
          }
        };
        const runs = seeds.length;
        await Promise.all(Array.from({ length: options.atOnce }, runNext));
        test.diagnostic(`${runs} runs, ${calls} calls, ${events} events, ${fences} fences`);
        assert.deepEqual(failures, []);
      });
    }
  });
}

/** Two stores that are handed the same calls at the same times must tell the same. */
export async function sameEvents(
  seed: number,
  mode: FuzzModeName,
  one: OpenFuzzStore,
  other: OpenFuzzStore,
): Promise<void> {
  const outcomes = [
    await runFuzz(seed, fuzzModes[mode], one),
    await runFuzz(seed, fuzzModes[mode], other),
  ];
  const [expected, found] = outcomes.map(({ calls, fences, told }) => ({ calls, fences, told }));
  assert.deepEqual(found, expected, `FUZZ_MODE=${mode} FUZZ_SEED=${seed}`);
}

/** A store that was broken on purpose must be found out within so many seeds. */
export async function fuzzFindsFault(
  openStore: OpenFuzzStore,
  mode: FuzzModeName,
  { seeds, atOnce }: FuzzSuiteOptions,
): Promise<boolean> {
  let [next, found] = [1, false];
  const search = async (): Promise<void> => {
    while (next <= seeds && !found) {
      const seed = next;
      next += 1;
      const { wrong } = await runFuzz(seed, fuzzModes[mode], openStore);
      found ||= wrong.length > 0;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, search));
  return found;
}

function modeNames(): readonly FuzzModeName[] {
  const names = Object.keys(fuzzModes) as FuzzModeName[];
  const wanted = process.env['FUZZ_MODE'];
  return names.filter((name) => wanted === undefined || name === wanted);
}

function seedsOf(mode: FuzzModeName, count: number): number[] {
  const { FUZZ_SEED, FUZZ_SEEDS } = process.env;
  if (FUZZ_SEED !== undefined) return [Number(FUZZ_SEED)];
  const fresh = Array.from({ length: Number(FUZZ_SEEDS ?? count) }, (_, at) => at + 1);
  return [...new Set([...(PAST_FAILURES[mode] ?? []), ...fresh])];
}
