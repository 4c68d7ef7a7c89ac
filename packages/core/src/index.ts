export {
  appIdSchema,
  appKeySchema,
  appSchema,
  appSecretSchema,
  type App,
  type KeyPair,
} from './app.ts';
export { decodeEnvelope, envelopeBody, handOut, type Envelope, type Place } from './envelope.ts';
export { appLimitsSchema, type AppLimits } from './app-limits.ts';
export { Failure, isFailure, type FailureCode } from './failure.ts';
export { createMemoryLimits } from './memory/memory-limits.ts';
export { createMemoryAppRegistry } from './memory/memory-app-registry.ts';
export { createMemoryAppStore, type MemoryAppStore } from './memory/memory-app-store.ts';
export { createMemoryNetwork, type MemoryNetwork } from './memory/memory-bus.ts';
export type { AppChange, AppRegistry, AppSource, AppSourceEvents } from './ports/app-registry.ts';
export type { AppEntries, AppStore, StoreChange, StoredApps } from './ports/app-store.ts';
export { eventCacheTimes, isKept } from './event-cache.ts';
export type { Bus, BusEvents, BusMessage, Publisher } from './ports/bus.ts';
export type { CachedEvent, EventCache, Recalled } from './ports/event-cache.ts';
export { allowsOrigin } from './origin.ts';
export { rateOf, type Limits, type RateKind, type Taken } from './ports/limits.ts';
export type { ChannelCounts, StateReader } from './ports/state.ts';
export {
  parseTermination,
  TERMINATION_MS,
  terminationText,
  type Online,
  type UserReader,
  type UserTerminator,
} from './ports/users.ts';
export { parseEntry } from './service/app-entries.ts';
export { createAppEvents, type AppEvents } from './service/app-events.ts';
export { openAppsFile, type AppsFileTimes } from './service/apps-file.ts';
export { oneWebhook, readApps, type AppsSettings } from './service/apps.ts';
export { appsSettings, commonSettings } from './service/common-settings.ts';
export { followApps, type FollowedApps } from './service/followed-apps.ts';
export { listen } from './service/listen.ts';
export { createLogger, type Logger } from './service/logger.ts';
export { createMetrics, exposeCounters, type Exposed } from './service/metrics.ts';
export { startOpsServer, type OpsServer } from './service/ops-server.ts';
export { createReadiness, unreadyAfter, type Readiness } from './service/readiness.ts';
export {
  decodeRedisUrl,
  type RedisAddress,
  type RedisSentinels,
  type RedisUrl,
} from './service/redis-url.ts';
export { runService, type Service, type Stop } from './service/run.ts';
export {
  maskedUrl,
  readSettings,
  secret,
  secretUrl,
  SettingsError,
  showSettings,
  wholeNumber,
  type Environment,
  type SettingsShape,
} from './service/settings.ts';
export { Gcra } from './rate.ts';
export { isSignatureOf, md5, sign } from './signature.ts';
export { hookOfLane, isReplayLane, LANE_FULL, replayLane } from './ports/outbox.ts';
export type {
  Appended,
  Backlog,
  ClaimedLane,
  DeadLane,
  DeadLaneName,
  DeadLetter,
  Outbox,
  OutboxEntry,
  Polled,
  Routing,
  Unrouted,
  Wanted,
  WebhookEvent,
} from './ports/outbox.ts';
export type { RosterFeed, RosterFeedEvents, RosterReader } from './ports/roster-feed.ts';
export type {
  Beat,
  CountWish,
  Held,
  HeldShare,
  Incarnation,
  Joined,
  Registered,
  Reported,
  Revision,
  Roster,
  RosterChange,
  RosterMember,
  Share,
  ShareReader,
  ShareStore,
  Subject,
  Tended,
} from './ports/state.ts';
export { MemoryOutbox } from './state/memory-outbox.ts';
export {
  EdgeReporter,
  edgeReporterOptions,
  type EdgeReporterEvents,
  type EdgeReporterOptions,
  type EdgeReporterParts,
} from './state/edge-reporter.ts';
export { createMemoryRosterFeeds, type MemoryRosterFeeds } from './state/memory-roster-feed.ts';
export {
  createMemoryState,
  type MemoryState,
  type MemoryStateOptions,
} from './state/memory-state.ts';
export {
  reporterOptions,
  type ReporterEvents,
  type ReporterOptions,
  type ReporterSource,
  type ReporterStore,
} from './state/reporter-parts.ts';
export type { JoinOutcome } from './state/join-queue.ts';
export { PartitionReporter } from './state/reporter.ts';
export {
  countEvent,
  existenceEvent,
  parseSubjectKey,
  subjectKey,
  type SubjectKey,
} from './state/subject.ts';
export { outboxLimits, stateTiming, type OutboxLimits, type StateTiming } from './state/timing.ts';
export {
  wants,
  wantsCount,
  wantsEvent,
  wantsExistence,
  type Webhook,
  type WebhookEventName,
} from './webhook.ts';
