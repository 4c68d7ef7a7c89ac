// `npm test`: sets up what the tests need and runs all of them, or a part:
//   npm test -- --only check|unit|e2e|fault      npm test -- FILE …
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuild, ensureDependencies, fail, root } from './setup.mjs';
import { ensureSystemTools } from './system-tools.mjs';

/** A test that hangs fails after this instead of holding up the run. */
const TEST_TIMEOUT_MS = 120_000;

const checks = [
  ['format', 'oxfmt', ['--check']],
  ['lint', 'oxlint', ['--type-aware', '--deny-warnings']],
  ['types', 'tsc', ['-b', '--force']],
  ['types of tests', 'tsc', ['-p', 'test']],
  ['unused code and dependencies', 'knip', []],
];

/** In the order that fails soonest. Tests that start processes have the machine to themselves. */
const stages = {
  unit: { files: () => [...testsOfPackages(), ...testsIn('test')], concurrency: 2 },
  e2e: { files: () => testsIn('test/e2e'), concurrency: 1 },
  fault: { files: () => testsIn('test/fault'), concurrency: 1 },
};

/** @type {{ passed: number, failed: number, skipped: string[] }} */
const totals = { passed: 0, failed: 0, skipped: [] };
const args = process.argv.slice(2);
const only = args[0] === '--only' ? args[1] : undefined;
const named = only === undefined ? args : [];
if (only !== undefined && only !== 'check' && stages[only] === undefined)
  fail(`There is no part '${only}'; expected check, ${Object.keys(stages).join(', ')}.`);

ensureDependencies();
Object.assign(process.env, ensureSystemTools());
if (named.length > 0) {
  ensureBuild();
  runTests(named.join(', '), named, 1);
} else {
  if (only === undefined || only === 'check') for (const check of checks) runCheck(...check);
  ensureBuild();
  for (const [name, { files, concurrency }] of Object.entries(stages))
    if (only === undefined || only === name) runTests(name, files(), concurrency);
}
for (const name of totals.skipped) console.log(`skipped: ${name}`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 ? 0 : 1);

function runCheck(name, command, commandArgs) {
  const started = Date.now();
  const { status, stdout, stderr } = spawnSync(
    join(root, 'node_modules', '.bin', command),
    commandArgs,
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const passed = status === 0;
  totals[passed ? 'passed' : 'failed'] += 1;
  if (!passed) console.log(`${stdout ?? ''}${stderr ?? ''}`);
  console.log(`${passed ? '✓' : '✗'} ${name}  (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

function runTests(name, files, concurrency) {
  console.log(`\n${name}`);
  const folder = mkdtempSync(join(tmpdir(), 'fanfare-test-'));
  const report = join(folder, 'totals.json');
  const { status } = spawnSync(
    process.execPath,
    [
      '--conditions=source',
      '--import',
      'tsx',
      '--test',
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      `--test-reporter=${new URL('test-reporter.mjs', import.meta.url).href}`,
      '--test-reporter-destination=stdout',
      ...files,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, FANFARE_TEST_TOTALS: report },
    },
  );
  const counted = existsSync(report)
    ? JSON.parse(readFileSync(report, 'utf8'))
    : { passed: 0, failed: 0, skipped: [] };
  rmSync(folder, { recursive: true });
  totals.passed += counted.passed;
  totals.failed += counted.failed;
  totals.skipped.push(...counted.skipped);
  // A run that counted nothing, or ended badly without a failure, is one.
  const silent = counted.failed === 0 && (status !== 0 || counted.passed === 0);
  if (silent) {
    totals.failed += 1;
    console.log(`✗ ${name} ended with ${status} and ${counted.passed} tests`);
  }
}

function testsIn(folder) {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`);
}

function testsOfPackages() {
  return readdirSync(join(root, 'packages'))
    .map((name) => `packages/${name}/test`)
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap(testsIn);
}
