// The programs that tests run beside our own: found on the machine, or installed where a package
// manager can.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupError } from './setup.mjs';

/**
 * Each is handed to the tests by the environment variable of its name. What it says of its version
 * decides whether it is usable: Ubuntu's chromium is a script that only tells to install a snap.
 */
const tools = {
  FANFARE_REDIS_SERVER: {
    names: ['redis-server', 'valkey-server'],
    wanted: 'redis-server 7.0 or newer',
    version: ['--version', (text) => Number(/v=(\d+)/.exec(text)?.[1]) >= 7],
    apt: 'redis-server',
    other: 'redis',
  },
  FANFARE_NGINX: {
    names: ['nginx'],
    wanted: 'nginx',
    version: ['-v', (text) => text.includes('nginx')],
    apt: 'nginx',
    other: 'nginx',
  },
  FANFARE_CHROMIUM: {
    names: [
      'chromium',
      'chromium-browser',
      'google-chrome',
      'google-chrome-stable',
      // Where it stands on macOS.
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
    wanted: 'chromium',
    version: ['--version', (text) => /Chrom\w* \d/.test(text)],
    apt: 'chromium',
    other: 'chromium',
  },
  FANFARE_OPENSSL: {
    names: ['openssl'],
    wanted: 'openssl',
    version: ['version', (text) => /SSL \d/.test(text)],
    apt: 'openssl',
    other: 'openssl',
  },
  FANFARE_PHP: {
    names: ['php'],
    wanted: 'php with curl',
    version: ['-m', (text) => /^curl$/m.test(text)],
    apt: ['php-cli', 'php-curl'],
    other: 'php',
    // A few tests only, which say that they are skipped.
    optional: true,
  },
};

/** Returns the paths by variable name; fails with one sentence when something is missing. */
export function ensureSystemTools() {
  const found = findAll();
  const missing = missingIn(found);
  if (missing.length === 0) return found;
  const needed = missing.filter(isNeeded);
  let trouble = install(missing);
  // What we can do without must not keep us from the rest, where its package has another name.
  if (trouble !== undefined && needed.length > 0 && needed.length < missing.length)
    trouble = install(needed);
  const now = findAll();
  const absent = missingIn(now).filter(isNeeded);
  if (absent.length === 0) {
    for (const name of missingIn(now))
      console.log(`There is no ${tools[name].wanted}: the tests that need it are skipped.`);
    return now;
  }
  const names = absent.map((name) => tools[name].wanted).join(', ');
  throw new SetupError(
    `${trouble ?? ''}The tests need ${names}: please install ${absent.length === 1 ? 'it' : 'them'} ` +
      `with your system's package manager, or name the program in ${absent.join(', ')}, and run npm test again.`,
  );
}

function findAll() {
  const found = Object.keys(tools).map((name) => [name, find(name)]);
  return Object.fromEntries(found.filter(([, path]) => path !== undefined));
}

function missingIn(found) {
  return Object.keys(tools).filter((name) => found[name] === undefined);
}

function isNeeded(name) {
  return tools[name].optional !== true;
}

function find(name) {
  const { names, version } = tools[name];
  // nginx stands in /usr/sbin, which is not on every user's PATH.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const candidates = names.flatMap((each) =>
    each.startsWith('/') ? [each] : folders.map((folder) => join(folder, each)),
  );
  return [process.env[name], ...candidates].find(
    (path) => path !== undefined && isExecutable(path) && isUsable(path, ...version),
  );
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isUsable(path, argument, accepts) {
  // nginx writes its version to stderr.
  const { stdout, stderr } = spawnSync(path, [argument], { encoding: 'utf8', timeout: 20_000 });
  return accepts(`${stdout ?? ''}${stderr ?? ''}`);
}

/**
 * Debian starts the services that it installs; the tests start their own on ports of their own, and
 * a second Redis on the standard port is not theirs to bring. Nobody's policy is replaced, and ours
 * does not stay.
 */
const APT = `
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=120 update
apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
`;

const managers = [
  { command: 'apt-get', key: 'apt', install: ['sh', '-c', APT, 'sh'], asRoot: true },
  { command: 'dnf', key: 'other', install: ['dnf', 'install', '-y'], asRoot: true },
  { command: 'apk', key: 'other', install: ['apk', 'add'], asRoot: true },
  { command: 'brew', key: 'other', install: ['brew', 'install'], asRoot: false },
];

/** Returns what a package manager had to say if it failed. */
function install(names) {
  const manager = managers.find(({ command }) => isOnPath(command));
  if (manager === undefined) return undefined;
  const prefix = manager.asRoot ? asRoot() : [];
  if (prefix === undefined) return undefined;
  const packages = names.flatMap((name) => tools[name][manager.key]);
  console.log(`Installing ${packages.join(', ')} with ${manager.command} …`);
  const [command, ...args] = [...prefix, ...manager.install, ...packages];
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return status === 0 ? undefined : `${stdout}${stderr}`.trim().concat('\n');
}

/** What goes before a command that only root may run: nothing for root, sudo where it asks for no password. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined;
}

function isOnPath(command) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => isExecutable(join(folder, command)));
}
