/**
 * Every number of the protocol. "Pusher" in a comment means that hosted Pusher documents the
 * figure; the others are ours, chosen where nothing is public.
 */
export const limits = {
  /** Characters of a channel name. Pusher documents 164, its SDKs allow 200. */
  channelNameChars: 200,
  /** Characters of an event name. Every SDK's own validator says 200. */
  eventNameChars: 200,
  /** UTF-8 bytes of one event's data. Pusher: 10 KB, checked as 10240. */
  eventDataBytes: 10_240,
  /** Channels of one trigger. Pusher: 100. */
  channelsPerTrigger: 100,
  /** Events of one batch. Pusher: 10. */
  eventsPerBatch: 10,
  /** Seconds by which a request's timestamp may differ from ours. Pusher: under 600. */
  requestAgeSeconds: 600,
  /** Bytes of one API request body: ten events of 10 KB whose every byte is escaped as \u00XX. */
  requestBodyBytes: 1_048_576,
  /** Client events of one connection in a second. Pusher: 10. */
  clientEventsPerSecond: 10,
  /** Bytes of one frame from a client: 10 KB of data, escaped, with room for a watchlist. */
  clientFrameBytes: 65_536,
  /** Characters of a socket id; two random numbers of ten digits and a dot are 21. */
  socketIdChars: 41,
  /** Seconds of silence after which a client pings. Pusher: 120. */
  activityTimeoutSeconds: 120,
  /** Seconds a peer has to answer a ping. Pusher: 30. */
  pongTimeoutSeconds: 30,
  /** UTF-8 bytes of a WebSocket close reason (RFC 6455, 5.5). */
  closeReasonBytes: 123,
  /** Seconds in which a connection has to show whose it is, where an app asks that. Pusher states none. */
  authorizationTimeoutSeconds: 30,
  /** Channels one connection may be subscribed to. Pusher states none; a bound keeps memory bounded. */
  channelsPerConnection: 1_000,
  /** Characters of the id of a user who signs in. Its charset is that of channels; Python's SDK allows 200. */
  userIdChars: 200,
  /** Users whose coming and going one connection is told of. Pusher: 100. */
  watchlistUsers: 100,
  /** Members of a presence channel. Pusher: 100. */
  presenceMembers: 100,
  /** Characters of a member's user id. Pusher: 128. */
  presenceUserIdChars: 128,
  /** UTF-8 bytes of a member's user_info as JSON. Pusher: 1 KB. */
  presenceUserInfoBytes: 1_024,
  /** Subscriptions up to which every change of a channel's count is told. Pusher: 100. */
  frequentCountMax: 100,
  /** Seconds between two counts of a channel that has more. Pusher: 5. */
  countIntervalSeconds: 5,
} as const;
