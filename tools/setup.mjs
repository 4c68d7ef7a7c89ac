// What must stand before anything of ours can run: the dependencies and the build. It has no
// dependency of its own, because it runs in a bare clone with nothing but Node and npm.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../', import.meta.url));

const NODE_MIN = 20;

/** Something outside of our code is not as it has to be; the message is all that the reader needs. */
export class SetupError extends Error {
  name = 'SetupError';
}

/** Installs exactly what the lock file says, unless that is what stands there. */
export function ensureDependencies() {
  const major = Number(process.versions.node.split('.', 1)[0]);
  if (major < NODE_MIN)
    throw new SetupError(
      `Fanfare needs Node ${NODE_MIN} or newer; this is ${process.versions.node}.`,
    );
  const wanted = digestOf(['package-lock.json', ...manifests()]);
  const stamp = join(root, 'node_modules', '.fanfare-install');
  if (isStamped(stamp, wanted)) return;
  console.log('Installing dependencies; this takes a while the first time …');
  // The compiler is a development dependency, which NODE_ENV=production would leave out.
  const npm = run('npm', ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'], {
    // npm is a script there, which only a shell finds.
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) throw new SetupError(`${npm.output}\nnpm ci failed; its message is above.`);
  writeStamp(stamp, wanted);
}

/**
 * Builds what is not built. The compiler finds out in a tenth of a second that there is nothing to
 * do, but goes by time: of sources that were unpacked or copied over older ones it takes no notice,
 * nor of results that are gone. Those are found here.
 */
export function ensureBuild({ force = false } = {}) {
  const wanted = digestOf(['tsconfig.json', ...manifests(), ...sources()]);
  const stamp = join(root, 'node_modules', '.fanfare-build');
  const isBuilt =
    !force && isStamped(stamp, wanted) && outputs().every((path) => existsSync(join(root, path)));
  if (!isBuilt && !force) console.log('Building …');
  const tsc = run(process.execPath, [
    join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
    '-b',
    ...(isBuilt ? [] : ['--force']),
  ]);
  if (tsc.status !== 0)
    throw new SetupError(`${tsc.output}\nThe build failed; the compiler's message is above.`);
  writeStamp(stamp, wanted);
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  if (result.error !== undefined)
    throw new SetupError(`${command} could not be run: ${result.error.message}`);
  return { status: result.status, output: `${result.stdout}${result.stderr}`.trimEnd() };
}

function packages() {
  return readdirSync(join(root, 'packages')).filter((name) =>
    existsSync(join(root, 'packages', name, 'package.json')),
  );
}

function manifests() {
  return ['package.json', ...packages().map((name) => `packages/${name}/package.json`)];
}

/** Everything that the compiler looks at. */
function sources() {
  return packages().flatMap((name) => [
    `packages/${name}/tsconfig.json`,
    ...filesIn(`packages/${name}/src`),
  ]);
}

/** Where the compiler puts what becomes of each source. */
function outputs() {
  return sources()
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => path.replace('/src/', '/dist/').replace(/\.ts$/, '.js'));
}

function filesIn(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
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
