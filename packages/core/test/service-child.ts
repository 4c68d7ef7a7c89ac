/**
 * A process of its own for run.test.ts, which sends it signals and reads its log. It holds a timer
 * until it is disposed of, as a real service holds sockets: let go of too early or not at all, the
 * process would end too early or never.
 */
import { once } from 'node:events';
import { createLogger, Failure, runService, type Service } from '../src/index.ts';

const [behaviour] = process.argv.slice(2);
const log = createLogger('test', 'info');

async function start(stopping: AbortSignal): Promise<Service> {
  const held = setInterval(() => {}, 60_000);
  log.info('starting');
  if (behaviour === 'starts-on-demand') {
    await once(process.stdin, 'data');
    process.stdin.destroy();
  }
  if (behaviour === 'gives-up-starting') await once(stopping, 'abort');
  if (behaviour === 'gives-up-starting' || behaviour === 'starts-closed') {
    clearInterval(held);
    throw new Failure('closed', 'given up');
  }
  if (behaviour === 'fails-to-start') {
    clearInterval(held);
    throw new Error('could not start');
  }
  return {
    async stop(how) {
      log.info({ how }, 'stop');
      if (behaviour === 'never-stops') await new Promise(() => {});
      if (behaviour === 'fails-to-stop') throw new Failure('closed', 'could not stop');
      // A turn later, so that what does not wait for it is seen.
      await new Promise(setImmediate);
      log.info('let go');
    },
    async [Symbol.asyncDispose]() {
      await new Promise(setImmediate);
      clearInterval(held);
      log.info('disposed');
    },
  };
}

if (behaviour === 'logs-secrets') {
  const given = { secret: 'topsecret', auth: 'topsecret', channel_data: 'topsecret', key: 'shown' };
  log.info({ ...given, app: given }, 'given');
} else if (behaviour === 'logs-and-fails') {
  for (let count = 0; count < 100; count += 1) {
    log.info({ count }, 'counting');
    // A line in each of many turns is how a service logs.
    await new Promise(setImmediate);
  }
  throw new Error('failed');
} else {
  await runService(log, start);
  log.info({ handlers: process.listenerCount('SIGTERM') + process.listenerCount('SIGINT') }, 'end');
}
