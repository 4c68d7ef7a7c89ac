// What must stand before anything of ours can run: the dependencies and the build. It has no
// dependency of its own, because it runs in a bare clone with nothing but Node and npm.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../', import.meta.url));

const NODE_MIN = 20;

/** Ends the process with one sentence; what went wrong before it was shown already. */
export function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** Installs exactly what the lock file says, unless that is what stands there. */
export function ensureDependencies() {
  const major = Number(process.versions.node.split('.', 1)[0]);
  if (major < NODE_MIN)
    fail(`Fanfare needs Node ${NODE_MIN} or newer; this is ${process.versions.node}.`);
  const wanted = digestOf(['package-lock.json', ...manifests()]);
  const stamp = join(root, 'node_modules', '.fanfare-install');
  if (isStamped(stamp, wanted)) return;
  console.log('Installing dependencies; this takes a while the first time …');
  const npm = run('npm', ['ci', '--no-audit', '--no-fund']);
  if (npm.status !== 0) {
    console.error(npm.output);
    fail('npm ci failed; its message is above.');
  }
  writeStamp(stamp, wanted);
}

/** Builds unless the sources are those of the last build: even a build with nothing to do takes a second. */
export function ensureBuild() {
  const wanted = digestOf([...manifests(), ...sources()]);
  const stamp = join(root, 'packages', 'fanfare', 'dist', '.fanfare-build');
  if (isStamped(stamp, wanted)) return;
  console.log('Building …');
  const tsc = run(join(root, 'node_modules', '.bin', 'tsc'), ['-b']);
  if (tsc.status !== 0) {
    console.error(tsc.output);
    fail('The build failed; the compiler’s message is above.');
  }
  writeStamp(stamp, wanted);
}

function run(command, args) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    // npm and tsc are scripts there, which only a shell finds.
    shell: process.platform === 'win32',
  });
  if (result.error !== undefined) fail(`${command} could not be run: ${result.error.message}`);
  return { status: result.status, output: `${result.stdout}${result.stderr}` };
}

function packages() {
  return readdirSync(join(root, 'packages'));
}

function manifests() {
  return ['package.json', ...packages().map((name) => join('packages', name, 'package.json'))];
}

/** Everything that the compiler looks at. */
function sources() {
  return [
    'tsconfig.json',
    ...packages().flatMap((name) => [
      join('packages', name, 'tsconfig.json'),
      ...filesIn(join('packages', name, 'src')),
    ]),
  ];
}

function filesIn(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}

function digestOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths.toSorted())
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0');
  return hash.digest('hex');
}

function isStamped(path, digest) {
  return existsSync(path) && readFileSync(path, 'utf8') === digest;
}

function writeStamp(path, digest) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, digest);
}
