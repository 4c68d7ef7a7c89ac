export {
  appSourceContract,
  Follower,
  type SourceUnderTest,
  type WrittenApps,
} from './app-source-contract.ts';
export { appStoreContract, type StoreUnderTest } from './app-store-contract.ts';
export { busContract, type OpenBus } from './bus-contract.ts';
export {
  eventCacheContract,
  type CachesUnderTest,
  type OpenCaches,
} from './event-cache-contract.ts';
export { openMemoryFuzzStore } from './fuzz/memory-store.ts';
export { FUZZ_CHANNELS, FUZZ_USERS, type FuzzStore, type OpenFuzzStore } from './fuzz/run.ts';
export { fuzzModes, type FuzzModeName } from './fuzz/modes.ts';
export { fuzzFindsFault, sameEvents, stateFuzz } from './fuzz/suite.ts';
export { limitsContract, type LimitsUnderTest, type OpenLimits } from './limits-contract.ts';
export { rosterFeedContract, type FeedsUnderTest, type OpenFeeds } from './roster-feed-contract.ts';
export { stateContract } from './state-contract.ts';
export type { OpenState, StateUnderTest } from './state-story.ts';
