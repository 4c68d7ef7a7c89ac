/** Plain numbers that the hot path adds to; the metrics read them when they are scraped. */
export interface EdgeCounters {
  connections: number;
  subscriptions: number;
  channels: number;
  /** Sockets that are signed in as a user. */
  signedIn: number;
  /** Users whom somebody here watches. */
  watchedUsers: number;
  /** Sockets closed because their user's connections were terminated. */
  terminated: number;
  busUp: 0 | 1;
  framesIn: number;
  frameBytesIn: number;
  /** Events that came from the bus for a channel with subscribers here. */
  eventsIn: number;
  /** The same, once for every subscriber it was handed to. */
  eventsOut: number;
  eventBytesOut: number;
  clientEvents: number;
  clientEventsDropped: number;
  /** Client events that a webhook wanted and the outbox did not take. */
  clientEventsUntold: number;
  /** Subscribers of cache channels that were given the last event, and those for whom there was none. */
  cacheHits: number;
  cacheMisses: number;
  /** Misses that a webhook wanted and the outbox did not take. */
  cacheMissesUntold: number;
  /** Changes of rosters told to the subscribers here, once each. */
  memberEvents: number;
  /** Counts of channels told to the subscribers here, once each. */
  countEvents: number;
  /** Rosters read because changes had been missed. */
  rostersRead: number;
  /** Partitions of the state in which this edge holds something. */
  leases: number;
  framesDropped: number;
  /** Sockets closed because they do not read. */
  slowClosed: number;
  /** Sockets that stayed although they were slow, and events that they did not get for a newer one. */
  slowHeld: number;
  eventsSkipped: number;
  /** Connections that had to wait because too many came at once. */
  connectionsDelayed: number;
}

export function createEdgeCounters(): EdgeCounters {
  return {
    connections: 0,
    subscriptions: 0,
    channels: 0,
    signedIn: 0,
    watchedUsers: 0,
    terminated: 0,
    busUp: 0,
    framesIn: 0,
    frameBytesIn: 0,
    eventsIn: 0,
    eventsOut: 0,
    eventBytesOut: 0,
    clientEvents: 0,
    clientEventsDropped: 0,
    clientEventsUntold: 0,
    cacheHits: 0,
    cacheMisses: 0,
    cacheMissesUntold: 0,
    memberEvents: 0,
    countEvents: 0,
    rostersRead: 0,
    leases: 0,
    framesDropped: 0,
    slowClosed: 0,
    slowHeld: 0,
    eventsSkipped: 0,
    connectionsDelayed: 0,
  };
}
