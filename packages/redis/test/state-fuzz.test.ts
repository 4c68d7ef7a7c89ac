import { after, describe, it } from 'node:test';
import {
  fuzzModes,
  openMemoryFuzzStore,
  sameEvents,
  stateFuzz,
  type FuzzModeName,
} from '@fanfare/core/contract';
import { openRedisFuzz } from './redis-fuzz-store.ts';
import { startRedis } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());
const redis = await openRedisFuzz(server);
after(() => redis[Symbol.asyncDispose]());
stateFuzz('redis', redis.open, { seeds: 30, atOnce: 8 });

describe('State fuzz: redis beside the model', () => {
  for (const mode of Object.keys(fuzzModes) as FuzzModeName[]) {
    it(`[OC13] the same calls at the same times tell the same events: ${mode}`, async () => {
      for (const seed of [1, 2, 3]) await sameEvents(seed, mode, openMemoryFuzzStore, redis.open);
    });
  }
});
