// The programs that tests run beside our own: found on the machine, or installed where a package
// manager can.
import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fail } from './setup.mjs';

/** Each is handed to the tests by the environment variable of its name. */
const tools = {
  FANFARE_REDIS_SERVER: {
    names: ['redis-server', 'valkey-server'],
    wanted: 'redis-server 7.0 or newer',
    usable: (path) => redisMajor(path) >= 7,
    apt: 'redis-server',
    other: 'redis',
  },
  FANFARE_NGINX: { names: ['nginx'], wanted: 'nginx', apt: 'nginx', other: 'nginx' },
  FANFARE_CHROMIUM: {
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    wanted: 'chromium',
    apt: 'chromium',
    other: 'chromium',
  },
  FANFARE_OPENSSL: { names: ['openssl'], wanted: 'openssl', apt: 'openssl', other: 'openssl' },
};

/** Returns the paths by variable name; ends the process with one sentence when something is missing. */
export function ensureSystemTools() {
  if (missing().length > 0) install(missing());
  const absent = missing();
  if (absent.length > 0) {
    const names = absent.map((name) => tools[name].wanted).join(', ');
    fail(
      `The tests need ${names}: please install ${absent.length === 1 ? 'it' : 'them'} with your system's package manager and run npm test again.`,
    );
  }
  return Object.fromEntries(Object.keys(tools).map((name) => [name, find(name)]));
}

function missing() {
  return Object.keys(tools).filter((name) => find(name) === undefined);
}

function find(name) {
  const { names, usable = () => true } = tools[name];
  // nginx stands in /usr/sbin, which is not on every user's PATH.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const candidates = [
    process.env[name],
    ...names.flatMap((each) => folders.map((folder) => join(folder, each))),
  ];
  return candidates.find((path) => path !== undefined && isExecutable(path) && usable(path));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function redisMajor(path) {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  return Number(/v=(\d+)/.exec(stdout ?? '')?.[1] ?? 0);
}

const managers = [
  {
    command: 'apt-get',
    key: 'apt',
    install: ['install', '-y', '--no-install-recommends'],
    refresh: ['update'],
  },
  { command: 'dnf', key: 'other', install: ['install', '-y'] },
  { command: 'apk', key: 'other', install: ['add'] },
  { command: 'brew', key: 'other', install: ['install'], root: false },
];

function install(names) {
  const manager = managers.find(({ command }) => isOnPath(command));
  if (manager === undefined) return;
  const prefix = privilege(manager);
  if (prefix === undefined) return;
  const packages = names.map((name) => tools[name][manager.key]);
  console.log(`Installing ${packages.join(', ')} with ${manager.command} …`);
  const [command, ...args] = [...prefix, manager.command];
  const go = (more) =>
    spawnSync(command, [...args, ...more], {
      encoding: 'utf8',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  const quiet = withoutServices();
  try {
    if (manager.refresh !== undefined) go(manager.refresh);
    const { status, stderr } = go([...manager.install, ...packages]);
    if (status !== 0) console.error(stderr);
  } finally {
    quiet();
  }
}

/** What goes before the package manager: nothing for root, sudo where it asks for no password. */
function privilege({ root: needsRoot = true }) {
  if (!needsRoot || process.getuid?.() === 0) return [];
  const sudo = spawnSync('sudo', ['-n', 'true']);
  return sudo.status === 0 ? ['sudo', '-n', 'env', 'DEBIAN_FRONTEND=noninteractive'] : undefined;
}

/** Debian starts the services it installs; the tests start their own on ports of their own. */
function withoutServices() {
  const policy = '/usr/sbin/policy-rc.d';
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version') || existsSync(policy))
    return () => {};
  writeFileSync(policy, '#!/bin/sh\nexit 101\n');
  chmodSync(policy, 0o755);
  return () => rmSync(policy);
}

function isOnPath(command) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => isExecutable(join(folder, command)));
}
