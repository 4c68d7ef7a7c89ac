import {
  createLogger,
  createMetrics,
  createReadiness,
  runService,
  startOpsServer,
  type AppsSettings,
  type Service,
} from '@fanfare/core';
import { openApps, type AppsFrom } from './apps-from.ts';
import { chooseBackend, type RedisSettings } from './backend.ts';
import type { RoleParts } from './roles.ts';

export interface RoleSettings extends AppsSettings, RedisSettings {
  readonly REDIS_REPLICAS?: number | undefined;
  readonly OPS_HOST: string;
  readonly OPS_PORT?: number | undefined;
  readonly LOG_LEVEL: string;
}

export interface Role {
  readonly name: 'start' | 'edge' | 'api' | 'webhooks';
  readonly opsPort: number;
  readonly settings: RoleSettings;
  readonly apps: AppsFrom;
}

/**
 * Runs one role until a signal ends it. The operations listener stands first and goes last, so
 * that an orchestrator sees a process that waits for Redis or drains.
 */
export async function runRole(
  { name, opsPort, settings, apps }: Role,
  open: (parts: RoleParts) => Promise<Service>,
): Promise<void> {
  const log = createLogger(name, settings.LOG_LEVEL);
  const metrics = createMetrics(name);
  const readiness = createReadiness();
  let state: 'starting' | 'running' | 'stopping' = 'starting';
  readiness.add(() => (state === 'running' ? undefined : `the process is ${state}`));
  await runService(log, async (stopping) => {
    const backend = chooseBackend(settings, {
      role: name,
      replicas: settings.REDIS_REPLICAS,
      log,
      metrics,
      stopping,
    });
    const ops = await startOpsServer({
      host: settings.OPS_HOST,
      port: settings.OPS_PORT ?? opsPort,
      readiness,
      metrics,
    });
    const registry = await openApps(apps, { backend, log, metrics }).catch(closing(ops));
    const parts = { apps: registry, backend, log, metrics, readiness };
    const service = await open(parts).catch(closing(registry, ops));
    state = 'running';
    return {
      async stop(how) {
        state = 'stopping';
        await service.stop(how);
      },
      async [Symbol.asyncDispose]() {
        await service[Symbol.asyncDispose]();
        await registry[Symbol.asyncDispose]();
        await ops[Symbol.asyncDispose]();
      },
    };
  });
}

/** Rethrows, behind what was opened before and is of no use now. */
function closing(...opened: readonly AsyncDisposable[]): (error: unknown) => Promise<never> {
  return async (error) => {
    for (const each of opened) {
      // oxlint-disable-next-line no-await-in-loop -- in their order
      await each[Symbol.asyncDispose]();
    }
    throw error;
  };
}
