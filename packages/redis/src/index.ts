export type { LinkLog } from './connect.ts';
export { createBusCounters, type BusCounters } from './counters.ts';
export { redisLimits, type RedisLimits } from './limits.ts';
export { openRedisAppStore } from './redis-app-store.ts';
export { openRedisApps } from './redis-apps.ts';
export { openRedisBus, openRedisPublisher, type RedisBusOptions } from './redis-bus.ts';
export { openRedisRosterFeed } from './redis-roster-feed.ts';
export { openRedisState, type RedisState, type RedisStateOptions } from './redis-state.ts';
export { decodeRosterChange } from './roster-change.ts';
