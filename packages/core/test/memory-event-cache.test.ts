import { eventCacheContract } from '../src/contract/index.ts';
import { createMemoryNetwork } from '../src/index.ts';

eventCacheContract('memory', async (times) => {
  const network = createMemoryNetwork(Date.now, times);
  return {
    open: async (events) => network.open(events),
    async [Symbol.asyncDispose]() {},
  };
});
