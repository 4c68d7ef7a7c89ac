export { createWebhookEvents, type Attempt, type WebhookEvents } from './events.ts';
export type { Outcome, OutcomeKind } from './deliver.ts';
export { workerOptions, type WorkerOptions } from './options.ts';
export type { RetryOptions } from './retry.ts';
export { startWorker, type WorkerDeps } from './worker.ts';
