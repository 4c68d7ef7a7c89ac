import type { ChildProcess } from 'node:child_process';

const children = new Set<ChildProcess>();

/**
 * Ends the child at the latest with this process. node:test ends a file that takes too long by
 * SIGTERM, and no scope is left then: its servers would stay behind.
 */
export function endWithUs(child: ChildProcess): void {
  watch();
  children.add(child);
  child.once('exit', () => children.delete(child));
}

let watching = false;

function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

function watch(): void {
  if (watching) return;
  watching = true;
  process.once('exit', killAll);
  // After an error outside of a test node:test ends this process without an exit event.
  process.once('uncaughtExceptionMonitor', killAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(1));
}
