import { createMemoryNetwork } from '../src/index.ts';
import { busContract } from '../src/contract/index.ts';

const network = createMemoryNetwork();
busContract('memory', async (events) => network.open(events));
