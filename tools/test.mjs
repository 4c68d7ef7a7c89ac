// `npm test`: sets up what the tests need and runs all of them, or a part:
//   npm test -- --only check|unit|e2e|fault      npm test -- FILE …
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuild, ensureDependencies, root, SetupError } from './setup.mjs';
import { ensureSystemTools } from './system-tools.mjs';

/** A file that hangs fails after this instead of holding up the run; to Node 20 it is one test. */
const FILE_TIMEOUT_MS = { unit: 120_000, e2e: 300_000, fault: 300_000, named: 300_000 };

const checks = {
  format: () => runTool('oxfmt', '--check'),
  // What an earlier build left behind, errors too, does not count.
  types: () => ensureBuild({ force: true }),
  // Type-aware rules see the other packages as built.
  lint: () => runTool('oxlint', '--type-aware', '--deny-warnings'),
  'types of tests': () => runTool('tsc', '-p', 'test'),
  'unused code and dependencies': () => runTool('knip'),
};

/** In the order that fails soonest. Tests that start processes have the machine to themselves. */
const stages = {
  unit: { isIn: (path) => !/^test\/(e2e|conformance|fault)\//.test(path), concurrency: 2 },
  e2e: { isIn: (path) => /^test\/(e2e|conformance)\//.test(path), concurrency: 1 },
  fault: { isIn: (path) => path.startsWith('test/fault/'), concurrency: 1 },
};

/** @type {{ passed: number, failed: number, skipped: string[] }} */
const totals = { passed: 0, failed: 0, skipped: [] };
try {
  await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  failed(error.message);
}
for (const name of totals.skipped) console.log(`skipped: ${name}`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 ? 0 : 1;

async function run(args) {
  const only = args[0] === '--only' ? (args[1] ?? '') : undefined;
  const named = only === undefined ? args : [];
  if (only !== undefined && only !== 'check' && stages[only] === undefined)
    throw new SetupError(
      `There is no part '${only}'; expected check, ${Object.keys(stages).join(', ')}.`,
    );
  for (const path of named)
    if (!path.endsWith('.test.ts') || !existsSync(join(root, path)))
      throw new SetupError(`${path} is not a test file of this repository.`);

  ensureDependencies();
  const wanted = (name) => named.length === 0 && (only === undefined || only === name);
  if (wanted('check')) for (const name of Object.keys(checks)) runCheck(name);
  if (only === 'check') return;
  provide(ensureSystemTools);
  // The check of types has built already.
  if (!wanted('check')) provide(ensureBuild);
  if (named.length > 0) await runTests('named', named, 1);
  const all = testFiles();
  for (const [name, { isIn, concurrency }] of Object.entries(stages))
    if (wanted(name)) await runTests(name, all.filter(isIn), concurrency);
}

/** What most tests can do without: its absence is one failure, and those that need it say so. */
function provide(ensure) {
  try {
    Object.assign(process.env, ensure());
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    failed(error.message);
  }
}

function failed(sentence) {
  totals.failed += 1;
  console.log(`✗ ${sentence}`);
}

function runCheck(name) {
  const started = Date.now();
  const took = () => `(${((Date.now() - started) / 1000).toFixed(1)} s)`;
  try {
    checks[name]();
    totals.passed += 1;
    console.log(`✓ ${name}  ${took()}`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    failed(`${name}  ${took()}\n${error.message}`);
  }
}

function runTool(name, ...args) {
  const { status, stdout, stderr, error } = spawnSync(
    join(root, 'node_modules', '.bin', name),
    args,
    { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  if (status !== 0)
    throw new SetupError(`${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`.trimEnd());
}

async function runTests(name, files, concurrency) {
  console.log(`\n${name}`);
  // Without a file node:test would look for some by itself.
  if (files.length === 0) return console.log('no tests yet');
  const folder = mkdtempSync(join(tmpdir(), 'fanfare-test-'));
  const report = join(folder, 'totals.json');
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--import',
      'tsx',
      '--test',
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${FILE_TIMEOUT_MS[name]}`,
      `--test-reporter=${new URL('test-reporter.mjs', import.meta.url).href}`,
      '--test-reporter-destination=stdout',
      ...files,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...env, FANFARE_TEST_TOTALS: report },
    },
  );
  // Whoever ends us means the runner, which ends its files, which end their servers.
  /** @type {string[]} */
  const stoppedBy = [];
  const pass = (received) => {
    stoppedBy.push(received);
    child.kill(received);
  };
  for (const each of ['SIGINT', 'SIGTERM']) process.on(each, pass);
  const [code, signal] = await once(child, 'close');
  for (const each of ['SIGINT', 'SIGTERM']) process.off(each, pass);
  const counted = existsSync(report)
    ? JSON.parse(readFileSync(report, 'utf8'))
    : { passed: 0, failed: 0, skipped: [] };
  rmSync(folder, { recursive: true });
  totals.passed += counted.passed;
  totals.failed += counted.failed;
  totals.skipped.push(...counted.skipped);
  // A run that counted nothing, or ended badly without a failure, is one.
  if (counted.failed === 0 && (code !== 0 || counted.passed === 0))
    failed(`${name} ended with ${code ?? signal} after ${counted.passed} tests`);
  if (stoppedBy.length > 0) throw new SetupError(`The run was ended by ${stoppedBy[0]}.`);
}

/** Every test file, however deep: one that nobody runs would be worse than none. */
function testFiles() {
  const folders = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/test`);
  return ['test', ...folders]
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap(filesIn)
    .filter((path) => path.endsWith('.test.ts'))
    .toSorted((one, other) => (one < other ? -1 : 1));
}

function filesIn(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
  );
}
