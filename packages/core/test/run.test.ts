import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inTime } from './given.ts';

type Behaviour =
  | 'as-it-should'
  | 'starts-on-demand'
  | 'gives-up-starting'
  | 'starts-closed'
  | 'never-stops'
  | 'fails-to-start'
  | 'fails-to-stop'
  | 'logs-secrets'
  | 'logs-and-fails';

type Line = Readonly<Record<string, unknown>>;

interface Child extends AsyncDisposable {
  readonly log: readonly Line[];
  /** Resolves with the next line whose message it is. */
  logged(message: string): Promise<Line>;
  kill(signal: NodeJS.Signals): void;
  write(text: string): void;
  /** How the process ended, and what it wrote to stderr. */
  ended(): Promise<{ readonly code: number | null; readonly stderr: string }>;
}

/** Runs service-child.ts. */
function startChild(behaviour: Behaviour): Child {
  const file = fileURLToPath(new URL('service-child.ts', import.meta.url));
  const node = ['--conditions=source', '--import', 'tsx'];
  const child = spawn(process.execPath, [...node, file, behaviour], { stdio: 'pipe' });
  const log: Line[] = [];
  const lines = createInterface(child.stdout);
  const waiting = new Map<unknown, (line: Line) => void>();
  lines.on('line', (text) => {
    const line = JSON.parse(text) as Line;
    log.push(line);
    waiting.get(line['msg'])?.(line);
    waiting.delete(line['msg']);
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // 'close' comes when both streams have been read to their ends, 'exit' may come before.
  const closed = once(child, 'close');
  return {
    log,
    logged: (message) =>
      inTime(new Promise((resolve) => waiting.set(message, resolve)), `the log line '${message}'`),
    kill: (signal) => void child.kill(signal),
    write: (text) => void child.stdin.write(text),
    async ended() {
      const [code] = (await inTime(closed, 'the end of the process')) as [number | null];
      return { code, stderr };
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

const messagesOf = (log: readonly Line[]): readonly unknown[] => log.map((line) => line['msg']);

describe('A running service', { concurrency: 4 }, () => {
  const stops: readonly (readonly [signal: NodeJS.Signals, how: string])[] = [
    ['SIGTERM', 'drain'],
    ['SIGINT', 'at-once'],
  ];
  for (const [signal, how] of stops)
    it(`[SE8] on ${signal} it is told to stop by '${how}', lets go of everything and ends with 0`, async () => {
      await using child = startChild('as-it-should');
      await child.logged('started');
      child.kill(signal);
      assert.deepEqual(await child.ended(), { code: 0, stderr: '' });
      const life = [
        'starting',
        'started',
        'stopping',
        'stop',
        'let go',
        'disposed',
        'stopped',
        'end',
      ];
      assert.deepEqual(messagesOf(child.log), life);
      assert.equal(child.log[2]?.['signal'], signal);
      assert.equal(child.log[3]?.['how'], how);
      assert.equal(child.log[7]?.['handlers'], 0);
    });

  for (const second of ['SIGTERM', 'SIGINT'] as const) {
    for (const first of ['SIGTERM', 'SIGINT'] as const)
      it(`[SE9] ${second} after ${first} ends it at once, with code 1`, async () => {
        await using child = startChild('never-stops');
        await child.logged('started');
        const stopping = child.logged('stop');
        child.kill(first);
        await stopping;
        child.kill(second);
        assert.equal((await child.ended()).code, 1);
        assert.deepEqual(messagesOf(child.log), ['starting', 'started', 'stopping', 'stop']);
      });
  }

  it('[SE9] a second signal ends it at once while it starts, too', async () => {
    await using child = startChild('starts-on-demand');
    await child.logged('starting');
    const stopping = child.logged('stopping');
    child.kill('SIGTERM');
    await stopping;
    child.kill('SIGTERM');
    assert.equal((await child.ended()).code, 1);
  });

  it('[SE10] a signal that comes while it starts stops it as soon as it has started', async () => {
    await using child = startChild('starts-on-demand');
    await child.logged('starting');
    const stopping = child.logged('stopping');
    child.kill('SIGINT');
    await stopping;
    child.write('go\n');
    assert.deepEqual(await child.ended(), { code: 0, stderr: '' });
    const life = [
      'starting',
      'stopping',
      'started',
      'stop',
      'let go',
      'disposed',
      'stopped',
      'end',
    ];
    assert.deepEqual(messagesOf(child.log), life);
    assert.equal(child.log[3]?.['how'], 'at-once');
  });

  it('[SE10] a start that is given up for a signal ends with 0', async () => {
    await using child = startChild('gives-up-starting');
    await child.logged('starting');
    child.kill('SIGTERM');
    assert.deepEqual(await child.ended(), { code: 0, stderr: '' });
    assert.deepEqual(messagesOf(child.log), ['starting', 'stopping', 'stopped', 'end']);
  });

  it('[SE11] a start that is given up for no signal is a failure', async () => {
    await using child = startChild('starts-closed');
    const { code, stderr } = await child.ended();
    assert.equal(code, 1);
    assert.match(stderr, /Failure: given up/);
  });

  it('[SE11] a service that fails to start ends the process with its error', async () => {
    await using child = startChild('fails-to-start');
    const { code, stderr } = await child.ended();
    assert.equal(code, 1);
    assert.match(stderr, /Error: could not start/);
    assert.deepEqual(messagesOf(child.log), ['starting']);
  });

  it('[SE11] a service that fails to stop lets go all the same, and its error ends the process', async () => {
    await using child = startChild('fails-to-stop');
    await child.logged('started');
    child.kill('SIGTERM');
    const { code, stderr } = await child.ended();
    assert.equal(code, 1);
    assert.match(stderr, /Failure: could not stop/);
    const life = ['starting', 'started', 'stopping', 'stop', 'disposed'];
    assert.deepEqual(messagesOf(child.log), life);
  });

  it('[SE12] what a logged object carries as secret, auth or channel_data is not written', async () => {
    await using child = startChild('logs-secrets');
    assert.deepEqual(await child.ended(), { code: 0, stderr: '' });
    const [line] = child.log;
    assert.ok(!JSON.stringify(child.log).includes('topsecret'), JSON.stringify(line));
    const { secret, auth, channel_data: data, key, app } = line ?? {};
    const hidden = '[Redacted]';
    assert.deepEqual(
      { secret, auth, data, key },
      { secret: hidden, auth: hidden, data: hidden, key: 'shown' },
    );
    assert.deepEqual(app, { secret: hidden, auth: hidden, channel_data: hidden, key: 'shown' });
  });

  it('[SE12] all lines are written in their order although the process fails behind the last', async () => {
    await using child = startChild('logs-and-fails');
    assert.equal((await child.ended()).code, 1);
    const counts = Array.from({ length: 100 }, (_, count) => count);
    assert.deepEqual(
      child.log.map((line) => line['count']),
      counts,
    );
  });
});
