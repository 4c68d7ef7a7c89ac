import { openMemoryFuzzStore, stateFuzz } from '../src/contract/index.ts';

stateFuzz('memory', openMemoryFuzzStore, { seeds: 30, atOnce: 1 });
