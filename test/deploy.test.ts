import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { text } from 'node:stream/consumers';
import { createMetrics, createReadiness, readSettings, startOpsServer } from '@fanfare/core';
import { limits } from '@fanfare/protocol';
import { workerOptions } from '@fanfare/webhooks';
import { readClusterRole } from '../packages/fanfare/src/read-role.ts';
import {
  apiRoleSettings,
  edgeRoleSettings,
  webhooksRoleSettings,
} from '../packages/fanfare/src/settings.ts';
import {
  composeServices,
  dockerStages,
  durationSeconds,
  nginxBlock,
  nginxDirective,
  reachesBuild,
  rootFile,
  rootPath,
  type ComposeService,
} from './deploy-files.ts';

const services = composeServices();
const roles = {
  edge: edgeRoleSettings,
  api: apiRoleSettings,
  webhooks: webhooksRoleSettings,
} as const;
const defaults = {
  edge: readSettings(edgeRoleSettings, {}),
  api: readSettings(apiRoleSettings, {}),
};

function service(name: string): ComposeService {
  const found = services[name];
  assert.ok(found !== undefined, `docker-compose.yml has no service '${name}'`);
  return found;
}

describe('docker-compose.yml', () => {
  it('[DP1] runs only commands that exist, with settings that they read and accept', () => {
    const built = Object.entries(services).filter(([, { build }]) => build !== undefined);
    assert.deepEqual(built.map(([name]) => name).toSorted(), ['api', 'edge', 'webhooks']);
    for (const [name, { command = [], environment = {} }] of built) {
      const [role, ...rest] = command;
      assert.deepEqual(rest, [], name);
      assert.ok(
        role === 'edge' || role === 'api' || role === 'webhooks',
        `${name} runs '${role ?? ''}'`,
      );
      const unknown = Object.keys(environment).filter((setting) => !(setting in roles[role]));
      assert.deepEqual(unknown, [], `${name} sets what ${role} does not read`);
      assert.doesNotThrow(() => readClusterRole(roles[role], environment), name);
    }
  });

  it('[DP2] joins all processes to one Redis and to the same app with the same webhooks', () => {
    const names = ['REDIS_URL', 'APP_ID', 'APP_KEY', 'APP_SECRET'];
    const hook = ['WEBHOOK_URL', 'WEBHOOK_DIALECT'];
    const joined = (name: string): unknown[] =>
      [...names, ...hook].map((setting) => service(name).environment?.[setting]);
    assert.ok(!joined('edge').includes(undefined));
    assert.deepEqual(joined('edge'), joined('api'));
    assert.deepEqual(joined('edge'), joined('webhooks'));
    const { hostname } = new URL(String(service('edge').environment?.['REDIS_URL']));
    assert.match(service(hostname).command?.join(' ') ?? '', /^redis-server /);
  });

  it('[DP3] gives every service that stays a health check and a restart policy, and waits for what it needs', () => {
    for (const [name, { healthcheck, restart, depends_on: needs = {} }] of Object.entries(
      services,
    )) {
      const oneShot = restart === 'no';
      assert.equal(healthcheck !== undefined, !oneShot, `health check of ${name}`);
      assert.ok(oneShot || restart === 'unless-stopped', `restart policy of ${name}`);
      for (const [needed, { condition }] of Object.entries(needs)) {
        const wanted =
          service(needed).restart === 'no' ? 'service_completed_successfully' : 'service_healthy';
        assert.equal(condition, wanted, `${name} needs ${needed}`);
      }
    }
    assert.deepEqual(Object.keys(service('nginx').depends_on ?? {}).toSorted(), [
      'api',
      'certificate',
      'edge',
    ]);
  });

  it('[DP4] gives an edge more time to stop than its drain takes, and its sockets descriptors', () => {
    const { environment = {}, stop_grace_period: grace = '', ulimits, deploy } = service('edge');
    const { DRAIN_SECONDS: drain } = readSettings(edgeRoleSettings, environment);
    assert.ok(durationSeconds(grace) >= drain + 10, `${grace} for a drain of ${drain} s`);
    assert.ok((ulimits?.nofile.soft ?? 0) >= 65_536);
    assert.ok((deploy?.replicas ?? 0) >= 3);
    for (const name of ['api', 'webhooks'])
      assert.ok((service(name).deploy?.replicas ?? 0) >= 2, name);
  });

  it('[DP26] gives a webhook worker more time to stop than a request and its last word to the store take', () => {
    const { timeoutMs, stopMs } = workerOptions;
    const grace = durationSeconds(service('webhooks').stop_grace_period ?? '');
    assert.ok(grace >= (timeoutMs + stopMs) / 1000 + 5, `${grace} s`);
  });

  it('[DP27] lets Redis write down every change within a second, on a volume, and evict nothing', () => {
    const { command = [], volumes = [] } = service('redis');
    const given = (option: string): string | undefined => command[command.indexOf(option) + 1];
    assert.deepEqual(['--appendonly', '--appendfsync', '--maxmemory-policy'].map(given), [
      'yes',
      'everysec',
      'noeviction',
    ]);
    assert.deepEqual(volumes, ['redis:/data']);
    assert.match(rootFile('docker-compose.yml'), /^volumes:\n( {2}\w+:\n)* {2}redis:$/m);
  });

  it('[DP5] mounts only what is there, and reaches no other machine unless told to', () => {
    for (const { volumes = [], ports = [] } of Object.values(services)) {
      for (const [source = ''] of volumes.map((volume) => volume.split(':')))
        assert.ok(!source.startsWith('.') || existsSync(rootPath(source)), source);
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
    }
  });

  it('[DP6] sends nginx to the ports on which edges and apis listen', () => {
    const ports = { edge: defaults.edge.EDGE_PORT, api: defaults.api.API_PORT };
    for (const role of ['edge', 'api'] as const) {
      assert.equal(service(role).environment?.[`${role.toUpperCase()}_PORT`], undefined);
      const [, name = '', port] =
        /^server (\w+):(\d+) resolve /m.exec(rootFile(`deploy/nginx/${role}s.conf`)) ?? [];
      assert.deepEqual([service(name).command, Number(port)], [[role], ports[role]]);
    }
    // `resolve` came with 1.27.3; older ones refuse to start.
    const [, major, minor] = /^nginx:(\d+)\.(\d+)$/.exec(service('nginx').image) ?? [];
    assert.ok(Number(major) > 1 || Number(minor) >= 28, service('nginx').image);
  });
});

describe('deploy/Dockerfile', () => {
  const stages = dockerStages(rootFile('deploy/Dockerfile'));
  const instructions = stages.flat();
  const last = stages.at(-1) ?? [];
  const argsOf = (name: string): readonly string[] =>
    last.filter((instruction) => instruction.name === name).map(({ args }) => args);
  const copied = instructions
    .filter(({ name, args }) => name === 'COPY' && !args.startsWith('--from'))
    .flatMap(({ args }) => args.split(' ').slice(0, -1));

  it('[DP7] starts from Node 20 with glibc, which the binaries of uWebSockets.js need', () => {
    const bases = instructions.filter(({ name }) => name === 'FROM').map(({ args }) => args);
    for (const base of bases) assert.match(base, /^node:20-bookworm-slim( AS \w+)?$/);
  });

  it('[DP8] copies the manifest of every package before it installs, and nothing that .dockerignore holds back', () => {
    const ignore = rootFile('.dockerignore');
    const install = instructions.findIndex(({ args }) => args.startsWith('npm ci'));
    const before = new Set(instructions.slice(0, install).flatMap(({ args }) => args.split(' ')));
    const manifests = readdirSync(rootPath('packages'))
      .map((name) => `packages/${name}/package.json`)
      .filter((path) => existsSync(rootPath(path)));
    for (const path of ['package.json', 'package-lock.json', '.npmrc', ...manifests])
      assert.ok(before.has(path), `${path} is not there when npm installs`);
    for (const path of copied) {
      assert.ok(existsSync(rootPath(path)), `${path} does not exist`);
      assert.ok(reachesBuild(ignore, path), `${path} is held back by .dockerignore`);
    }
    for (const path of [
      '.env',
      '.git/config',
      '.fanfare/development.json',
      'deploy/certs/tls.key',
      'node_modules/zod/package.json',
      'packages/edge/node_modules/zod/package.json',
      'packages/edge/dist/index.js',
    ])
      assert.ok(!reachesBuild(ignore, path), `${path} reaches the build`);
  });

  it('[DP9] runs any role as a user without rights, stops it by the signal that drains, and asks whether it lives', () => {
    assert.deepEqual(argsOf('ENTRYPOINT'), ['["node", "packages/fanfare/bin/fanfare.js"]']);
    assert.ok(existsSync(rootPath('packages/fanfare/bin/fanfare.js')));
    assert.deepEqual(argsOf('CMD'), ['["start"]']);
    assert.deepEqual(argsOf('STOPSIGNAL'), ['SIGTERM']);
    assert.match(argsOf('USER').join(), /^[1-9]\d*:[1-9]\d*$/);
    const [, script = ''] =
      /"node", "([^"]+)", "livez"\]$/.exec(argsOf('HEALTHCHECK').join()) ?? [];
    for (const test of Object.keys(roles).map((name) => service(name).healthcheck?.test))
      assert.deepEqual(test, ['CMD', 'node', script, 'readyz']);
    assert.ok(copied.includes(script), `${script} is not in the image`);
    const exposed = new Set(argsOf('EXPOSE').join().split(' ').map(Number));
    assert.ok(exposed.has(defaults.edge.EDGE_PORT) && exposed.has(defaults.api.API_PORT));
  });
});

describe('deploy/nginx.conf', () => {
  const conf = rootFile('deploy/nginx.conf');
  const edges = nginxBlock(conf, 'location /app/');
  const apis = nginxBlock(conf, 'location /apps/');

  it('[DP10] waits for a silent socket longer than two pings of the edge', () => {
    for (const name of ['proxy_read_timeout', 'proxy_send_timeout'])
      assert.ok(
        durationSeconds(nginxDirective(edges, name)) > 2 * defaults.edge.EDGE_PING_SECONDS,
        name,
      );
  });

  it('[DP11] takes as large a request body as the API does', () => {
    assert.equal(nginxDirective(apis, 'client_max_body_size'), '1m');
    assert.equal(limits.requestBodyBytes, 1024 * 1024);
  });
});

describe('deploy/README.md', () => {
  it('[DP25] names only metrics that exist', async () => {
    const named = rootFile('deploy/README.md').match(/\b(fanfare|process|nodejs)_[a-z\d_]+/g) ?? [];
    assert.ok(named.length > 10);
    const sources = readdirSync(rootPath('packages'))
      .filter((name) => existsSync(rootPath(`packages/${name}/src`)))
      .flatMap((name) =>
        readdirSync(rootPath(`packages/${name}/src`), { encoding: 'utf8', recursive: true }).map(
          (file) => `packages/${name}/src/${file}`,
        ),
      )
      .filter((path) => path.endsWith('.ts'));
    const ours = sources.map((path) => rootFile(path)).join('\n');
    const nodes = await createMetrics('test').metrics();
    const missing = named.filter(
      (name) =>
        !(name.startsWith('fanfare_')
          ? ours.includes(`'${name}'`)
          : nodes.includes(`# TYPE ${name} `)),
    );
    assert.deepEqual(missing, []);
  });
});

describe('deploy/healthcheck.mjs', () => {
  it('[DP28] asks the ports on which the operations of all roles listen, and the image exposes them', () => {
    const found = readdirSync(rootPath('packages/fanfare/src/commands')).flatMap((file) => [
      ...rootFile(`packages/fanfare/src/commands/${file}`).matchAll(/\bopsPort: (\d+)/g),
    ]);
    const ports = [...new Set(found.map(([, port = '']) => port))].toSorted();
    assert.ok(ports.length >= 3, ports.join());
    const [, asked = ''] = /\? \[([^\]]*)\]/.exec(rootFile('deploy/healthcheck.mjs')) ?? [];
    assert.deepEqual(asked.match(/\d+/g), ports);
    const [, exposed = ''] = /^EXPOSE (.*)$/m.exec(rootFile('deploy/Dockerfile')) ?? [];
    for (const port of ports) assert.ok(exposed.split(' ').includes(port), port);
  });

  it('[DP12] exits with 0 only when the operations listener says yes, and prints what it said', async () => {
    const readiness = createReadiness();
    const options = { host: '127.0.0.1', port: 0, readiness, metrics: createMetrics('test') };
    await using ops = await startOpsServer(options);
    assert.deepEqual(await check('readyz', ops.port), {
      code: 0,
      said: '200 {"ready":true,"reasons":[]}',
    });
    readiness.add(() => 'the message bus is away');
    assert.equal((await check('livez', ops.port)).code, 0);
    const unready = await check('readyz', ops.port);
    assert.equal(unready.code, 1);
    assert.match(unready.said, /^503 .*the message bus is away/);
  });

  it('[DP12] exits with 1 when nobody listens', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    taken.close();
    await once(taken, 'close');
    assert.deepEqual(await check('livez', port), {
      code: 1,
      said: `nobody answers on 127.0.0.1:${port}`,
    });
  });
});

async function check(path: string, port: number): Promise<{ code: unknown; said: string }> {
  const child = spawn(process.execPath, [rootPath('deploy/healthcheck.mjs'), path], {
    env: { OPS_HOST: '127.0.0.1', OPS_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said, [code]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[unknown]>,
  ]);
  return { code, said: said.trimEnd() };
}
