export {
  appIdSchema,
  appKeySchema,
  appSchema,
  appSecretSchema,
  type App,
  type AppLimits,
  type KeyPair,
} from './app.ts';
export { decodeEnvelope, envelopeBody, type Envelope } from './envelope.ts';
export { Failure, isFailure, type FailureCode } from './failure.ts';
export { createMemoryAppRegistry } from './memory/memory-app-registry.ts';
export { createMemoryNetwork, type MemoryNetwork } from './memory/memory-bus.ts';
export type { AppRegistry } from './ports/app-registry.ts';
export type { Bus, BusEvents, BusMessage, Publisher } from './ports/bus.ts';
export type { ChannelCounts, StateReader } from './ports/state.ts';
export { readApps, type AppsSettings } from './service/apps.ts';
export { commonSettings } from './service/common-settings.ts';
export { listen } from './service/listen.ts';
export { createLogger, type Logger } from './service/logger.ts';
export { createMetrics, exposeCounters, type Exposed } from './service/metrics.ts';
export { startOpsServer, type OpsServer } from './service/ops-server.ts';
export { createReadiness, unreadyAfter, type Readiness } from './service/readiness.ts';
export { runService, type Service, type Stop } from './service/run.ts';
export {
  readSettings,
  secret,
  secretUrl,
  SettingsError,
  showSettings,
  wholeNumber,
  type Environment,
  type SettingsShape,
} from './service/settings.ts';
export { isSignatureOf, md5, sign } from './signature.ts';
