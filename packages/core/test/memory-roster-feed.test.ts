import { rosterFeedContract } from '../src/contract/index.ts';
import { createMemoryRosterFeeds, createMemoryState, stateTiming } from '../src/index.ts';

rosterFeedContract('memory', async () => {
  const feeds = createMemoryRosterFeeds();
  const store = createMemoryState({
    timing: stateTiming,
    nowMs: Date.now,
    newEpoch: () => 'epoch',
    rosterChanged: feeds.rosterChanged,
    countTold: feeds.countTold,
  });
  return {
    store,
    open: async (events) => feeds.open(events),
    async [Symbol.asyncDispose]() {},
  };
});
