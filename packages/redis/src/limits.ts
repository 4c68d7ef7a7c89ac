import { eventCacheTimes } from '@fanfare/core';

/**
 * Every bound and interval of the Redis side, with its unit. Settings and tests may give others;
 * what depends on several of them is said where they are used.
 */
export interface RedisLimits {
  /** Messages a channel's history keeps, and for how long after the last one. */
  readonly historyMessages: number;
  readonly historyMs: number;
  /** How long the id of a message published once stays taken. */
  readonly onceMs: number;
  /** How long a cache channel keeps an event, and how long after a miss that was told no other one is. */
  readonly cacheMs: number;
  readonly cacheMissMs: number;

  /** A publish has this long, and this many tries, before it fails. */
  readonly publishMs: number;
  readonly publishTries: number;
  /** Messages and characters of frames that may wait for Redis at once; what is more fails at once. */
  readonly publishMessages: number;
  readonly publishChars: number;
  /** Messages in one pipeline: more would hold up the event loop for longer than 5 ms. */
  readonly pipelineMessages: number;

  /** A command without a reply fails after this; a connection without any reply is dropped after twice that. */
  readonly commandMs: number;
  /** TCP connect, and then everything up to the first usable moment of a connection. */
  readonly connectMs: number;
  readonly handshakeMs: number;
  /** Reconnect delays double from the first to the second, drawn with full jitter. */
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;

  /** New topics wait this long for others, so that a burst becomes few commands. */
  readonly batchMs: number;
  readonly topicsPerCommand: number;
  /** Topics asked for in one turn of the event loop, and before Redis has confirmed any of them. */
  readonly topicsPerTurn: number;
  readonly topicsAsked: number;
  /** A subscribe that is not confirmed by then fails. */
  readonly subscribeMs: number;
  /** Pause before topics that Redis refused are asked for again. */
  readonly refusedMs: number;
  /** How long a topic stays subscribed after nobody wants it: longer than a page takes to reload. */
  readonly lingerMs: number;
  readonly sweepMs: number;
  readonly topicsPerSweep: number;
  /** How long what Redis says of its replicas is believed before it is asked again. */
  readonly replicasMs: number;
  /**
   * Every connection is probed this often. One for subscriptions is dropped after two probes
   * without an answer, so that a dead one is known after three intervals: less than the 10 s in
   * which a gap must be noticed.
   */
  readonly probeMs: number;
  /** How often a sentinel is asked which server is the master. */
  readonly sentinelMs: number;
  /** How often the version of the apps is asked for, lest the word of a change was lost. */
  readonly appsPollMs: number;
}

export const redisLimits: RedisLimits = {
  historyMessages: 32,
  historyMs: 60_000,
  onceMs: 120_000,
  cacheMs: eventCacheTimes.eventMs,
  cacheMissMs: eventCacheTimes.missMs,
  publishMs: 1_000,
  publishTries: 3,
  publishMessages: 10_000,
  publishChars: 64 * 1024 * 1024,
  pipelineMessages: 256,
  commandMs: 1_000,
  connectMs: 2_000,
  handshakeMs: 5_000,
  backoffFirstMs: 50,
  backoffMaxMs: 2_000,
  batchMs: 2,
  topicsPerCommand: 512,
  topicsPerTurn: 2_048,
  topicsAsked: 8_192,
  subscribeMs: 30_000,
  refusedMs: 200,
  lingerMs: 10_000,
  sweepMs: 1_000,
  topicsPerSweep: 5_000,
  replicasMs: 10_000,
  probeMs: 3_000,
  sentinelMs: 1_000,
  appsPollMs: 5_000,
};
