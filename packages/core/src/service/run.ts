import { once } from 'node:events';
import { isFailure } from '../failure.ts';
import type { Logger } from './logger.ts';

/** How much time a service may take to stop. */
export type Stop = 'drain' | 'at-once';

export interface Service extends AsyncDisposable {
  /** Stops taking work and lets go of what it holds; `at-once` skips the pauses that spread clients out. */
  stop(how: Stop): Promise<void>;
}

/**
 * Runs until SIGTERM, which drains, or SIGINT, which a person pressed and waits for; a second
 * signal ends the process at once. Resolves when the service has wound down. `start` is told of a
 * signal that comes while it still waits for something, and then rejects with `Failure('closed')`.
 */
export async function runService(
  log: Logger,
  start: (stopping: AbortSignal) => Promise<Service>,
): Promise<void> {
  const stopping = new AbortController();
  let how: Stop = 'drain';
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) process.exit(1);
    how = signal === 'SIGINT' ? 'at-once' : 'drain';
    log.info({ signal }, 'stopping');
    stopping.abort();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  try {
    await using service = await start(stopping.signal).catch((error: unknown) => {
      if (stopping.signal.aborted && isFailure(error, 'closed')) return undefined;
      throw error;
    });
    if (service !== undefined) {
      log.info('started');
      if (!stopping.signal.aborted) await once(stopping.signal, 'abort');
      await service.stop(how);
    }
  } finally {
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
  }
  log.info('stopped');
}
