export type { LinkLog } from './connect.ts';
export { createBusCounters, type BusCounters } from './counters.ts';
export { redisLimits, type RedisLimits } from './limits.ts';
export { openRedisBus, openRedisPublisher, type RedisBusOptions } from './redis-bus.ts';
