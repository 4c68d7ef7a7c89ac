import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import PusherServer from 'pusher';
import { runFanfare, startFanfare, type Fanfare } from '../fanfare.ts';
import { openRawSocket, type RawSocket } from '../raw-socket.ts';
import { PATIENCE_MS, PusherJsClass, subscribed, type PusherJs } from '../sdk.ts';
import { Inbox } from '../support/inbox.ts';
import { within } from '../support/deadline.ts';

const directory = await mkdtemp(join(tmpdir(), 'fanfare-start-'));
after(() => rm(directory, { recursive: true, force: true }));

/** Every listener on a port that the system chooses, and nothing else: as it is for someone who just typed it. */
const anyPorts = { EDGE_PORT: '0', API_PORT: '0', OPS_PORT: '0' };

interface Started extends AsyncDisposable {
  readonly fanfare: Fanfare;
  /** All that it printed. */
  readonly text: string;
  /** What it printed as `label   value`. */
  fact(label: 'app id' | 'key' | 'secret' | 'edge' | 'api'): string;
}

async function start(env: Readonly<Record<string, string>> = {}): Promise<Started> {
  const fanfare = startFanfare(['start'], { env: { ...anyPorts, ...env }, cwd: directory });
  await fanfare.says(/npx fanfare trigger .+\n/);
  const text = fanfare.output();
  return {
    fanfare,
    text,
    fact(label) {
      const value = new RegExp(`^ +${label} +(\\S+)$`, 'm').exec(text)?.[1];
      assert.ok(value !== undefined, `no line '${label}' in:\n${text}`);
      return value;
    },
    [Symbol.asyncDispose]: () => fanfare[Symbol.asyncDispose](),
  };
}

/** The code below a heading, up to the next heading. */
function snippet(text: string, heading: string): string {
  const [, rest] = text.split(heading);
  assert.ok(rest !== undefined, `no '${heading}' in:\n${text}`);
  const [, code = ''] = /\n\n([^]+?)\n\n/.exec(rest) ?? [];
  return code;
}

describe('fanfare start', () => {
  it('[EE1] needs no settings, and prints the app, both addresses and snippets', async () => {
    await using started = await start();
    const { text } = started;
    const key = started.fact('key');
    assert.match(started.fact('app id'), /^\d+$/);
    assert.match(started.fact('secret'), /^\w{20,}$/);
    assert.match(started.fact('edge'), new RegExp(`^ws://127\\.0\\.0\\.1:\\d+/app/${key}$`));
    assert.match(started.fact('api'), /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.match(text, /in memory, one process/);
    assert.ok(snippet(text, 'In the browser').includes(key), text);
    assert.ok(snippet(text, 'On your server').includes(started.fact('secret')), text);
  });

  it('[EE2] prints snippets that carry an event from the server SDK to pusher-js as they stand', async () => {
    await using started = await start();
    const logged = new Inbox<unknown>('console.log of the snippet');
    const pusher = runInNewContext(`${snippet(started.text, 'In the browser')}\npusher`, {
      Pusher: PusherJsClass,
      console: { log: logged.push },
    }) as PusherJs;
    try {
      const channel = pusher.channel('my-channel');
      await subscribed(channel);
      await runInNewContext(`(async () => { ${snippet(started.text, 'On your server')} })()`, {
        Pusher: PusherServer,
      });
      assert.equal(JSON.stringify(await logged.next()), '{"hello":"world"}');
    } finally {
      pusher.disconnect();
    }
  });

  it('[EE3] is found by `fanfare trigger` without options', async () => {
    await using started = await start();
    await using socket = await openRawSocket(started.fact('edge'));
    await socket.subscribe('news');
    const done = await runFanfare(['trigger', 'news', 'headline', '{"n":1}'], { cwd: directory });
    assert.deepEqual(done.code, 0, done.text);
    assert.deepEqual(await socket.frames.next(), {
      event: 'headline',
      channel: 'news',
      data: '{"n":1}',
    });
  });

  it('[EE4] keeps its app from one start to the next', async () => {
    assert.deepEqual(await startedApp(), await startedApp());
  });

  it('[EE5] closes every socket at once on SIGINT and exits with 0', async () => {
    await using started = await start({ DRAIN_SECONDS: '3600' });
    const sockets = await openMany(started, 100);
    started.fanfare.signal('SIGINT');
    // At the pace of a drain, one every 100 ms, it would take twice as long.
    const closings = await within(
      Promise.all(sockets.map(({ closed }) => closed)),
      5_000,
      () => 'SIGINT did not close the sockets at once',
    );
    assert.deepEqual(new Set(closings.map(({ code }) => code)), new Set([4200]));
    assert.deepEqual(await started.fanfare.exited(), { code: 0, signal: null });
  });

  it('[EE6] closes sockets one after the other on SIGTERM, serves the rest meanwhile, and exits with 0', async () => {
    await using started = await start();
    const sockets = await openMany(started, 20);
    started.fanfare.signal('SIGTERM');
    const first = await within(
      Promise.race(sockets.map(async (socket) => ({ socket, ...(await socket.closed) }))),
      PATIENCE_MS,
      () => 'SIGTERM closed nobody',
    );
    const served = sockets
      .filter((socket) => socket !== first.socket)
      .map(async (socket) => {
        socket.send('pusher:ping', {});
        return Promise.race([socket.frames.next(), socket.closed.then(() => undefined)]);
      });
    const answers = await Promise.all(served);
    assert.ok(
      answers.some((frame) => frame?.event === 'pusher:pong'),
      `nobody was served after the first close: ${JSON.stringify(answers)}`,
    );
    const closings = await Promise.all(sockets.map(({ closed }) => closed));
    assert.deepEqual(new Set(closings.map(({ code }) => code)), new Set([4200]));
    assert.deepEqual(await started.fanfare.exited(), { code: 0, signal: null });
  });
});

/** The app of a start that is over again. */
async function startedApp(): Promise<readonly string[]> {
  await using started = await start();
  return [started.fact('app id'), started.fact('key'), started.fact('secret')];
}

async function openMany(started: Started, count: number): Promise<readonly RawSocket[]> {
  return Promise.all(Array.from({ length: count }, () => openRawSocket(started.fact('edge'))));
}

describe('the command line', () => {
  it('[EE7] answers wrong settings with one message that lists all of them, and exit code 2', async () => {
    const done = await runFanfare(['start'], {
      env: { EDGE_PORT: 'abc', API_PORT: '70000', LOG_LEVEL: 'loud' },
    });
    assert.equal(done.code, 2, done.text);
    assert.equal(done.stdout, '');
    const [first, ...problems] = done.stderr.trimEnd().split('\n');
    assert.equal(first, 'fanfare start: 3 wrong settings');
    assert.deepEqual(problems.map((line) => line.trim().split(':', 1).join()).toSorted(), [
      'API_PORT',
      'EDGE_PORT',
      'LOG_LEVEL',
    ]);
    for (const problem of problems) assert.match(problem, /expected .+, got "/);
  });

  it('[EE8] prints the help of every command and exits with 0', async () => {
    const overview = await runFanfare(['--help']);
    assert.equal(overview.code, 0, overview.text);
    const names = [...overview.stdout.matchAll(/^ {2}(\w+) {2,}\S/gm)].map(
      ([, name]) => name ?? '',
    );
    assert.deepEqual(
      ['api', 'config', 'edge', 'start', 'trigger'].filter((name) => !names.includes(name)),
      [],
    );
    await Promise.all(
      names.map(async (name) => {
        const help = await runFanfare([name, '--help']);
        assert.deepEqual({ code: help.code, stderr: help.stderr }, { code: 0, stderr: '' }, name);
        assert.match(help.stdout, new RegExp(`^Usage: fanfare ${name}`));
      }),
    );
  });

  it('[EE9] says in one sentence which port is taken, and exits with 2', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    try {
      const port = String((taken.address() as AddressInfo).port);
      const hosts = { EDGE_HOST: '127.0.0.1', API_HOST: '127.0.0.1', OPS_HOST: '127.0.0.1' };
      await Promise.all(
        ['EDGE_PORT', 'API_PORT', 'OPS_PORT'].map(async (setting) => {
          const env = { ...anyPorts, ...hosts, [setting]: port };
          const done = await runFanfare(['start'], { env, cwd: directory });
          assert.equal(done.code, 2, done.text);
          const lines = done.stderr.trimEnd().split('\n');
          assert.equal(lines.length, 2, done.stderr);
          assert.match(lines[1] ?? '', new RegExp(`^ +${setting}: cannot listen on .*${port}: `));
        }),
      );
    } finally {
      taken.close();
    }
  });

  it('[EE10] refuses an unknown command, option or argument with exit code 2', async () => {
    const mistakes: readonly (readonly [argv: readonly string[], complaint: RegExp])[] = [
      [['strat'], /there is no command 'strat'/],
      [['start', '--prot', '1'], /--prot/],
      [['start', 'here'], /unexpected argument 'here'/],
      [['trigger', 'channel'], /an argument is missing/],
      [['config', 'worker'], /there is no role 'worker'/],
      [[], /^Usage: fanfare/m],
    ];
    await Promise.all(
      mistakes.map(async ([argv, complaint]) => {
        const done = await runFanfare(argv);
        assert.equal(done.code, 2, done.text);
        assert.match(done.text, complaint);
      }),
    );
  });
});
