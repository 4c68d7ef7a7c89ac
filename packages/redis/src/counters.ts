/**
 * What happened so far, for whoever exports metrics: plain numbers, read when asked. All grow,
 * except the two of topics, which say what is now.
 */
export interface BusCounters {
  /** Messages that Redis has taken, and the bytes of their frames. */
  published: number;
  publishedBytes: number;
  /** Messages sent once more after a lost connection, and messages that failed for good. */
  publishRetries: number;
  publishFailures: number;
  /** Messages handed out, and the bytes of their frames. */
  received: number;
  receivedBytes: number;
  /** Messages on our topics that were no envelope. */
  foreign: number;
  /** Topics that somebody here wants, and those that only linger. */
  topics: number;
  topicsLingering: number;
  /** Connections lost after they had been up. */
  commandLinkLost: number;
  subscriberLinkLost: number;
}

export function createBusCounters(): BusCounters {
  return {
    published: 0,
    publishedBytes: 0,
    publishRetries: 0,
    publishFailures: 0,
    received: 0,
    receivedBytes: 0,
    foreign: 0,
    topics: 0,
    topicsLingering: 0,
    commandLinkLost: 0,
    subscriberLinkLost: 0,
  };
}
