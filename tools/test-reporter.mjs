// node:test's events as one line a file, failures in full, and the totals in the file that
// FANFARE_TEST_TOTALS names: counted from events, never from printed text.
import { writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { inspect } from 'node:util';

/** How much of what a file printed stands beside its failures. */
const OUTPUT_CHARS = 20_000;

/** The runner's own totals, which it tells as text. */
const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

export default async function* report(source) {
  const files = new Map();
  const totals = { passed: 0, failed: 0, skipped: [] };
  let current;
  for await (const event of source) {
    const { file: path } = event.data;
    // What broke after its test had ended names no file, but says in its text which one it was.
    if (event.type === 'test:diagnostic' && !SUMMARY.test(event.data.message))
      yield `  ${event.data.message}\n`;
    if (path === undefined) continue;
    if (!files.has(path)) files.set(path, newFile(path));
    const file = files.get(path);
    note(file, event);
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    // Results come file by file: the first of another file says that this one is done. A contract
    // is a file of its own here, and comes once with each that calls it.
    if (current !== undefined && current !== file) {
      files.delete(current.path);
      yield close(current, totals);
    }
    current = file;
  }
  if (current !== undefined) {
    files.delete(current.path);
    yield close(current, totals);
  }
  // A file that only calls a contract has no results under its own name, but what it printed.
  if (totals.failed > 0) for (const file of files.values()) yield printed(file);
  writeFileSync(process.env.FANFARE_TEST_TOTALS, JSON.stringify(totals));
}

function newFile(path) {
  return {
    path,
    name: relative(process.cwd(), path),
    passed: 0,
    ms: 0,
    failures: [],
    skipped: [],
    output: '',
    /** Names of the suites and the test being reported, outermost first. */
    titles: [],
    /** What has begun and not ended, for a file that is stopped. */
    running: new Map(),
  };
}

function note(file, { type, data }) {
  // The file itself is a test too; its own result matters when it crashed, hung or has no tests.
  const isFile = data.nesting === 0 && resolve(data.name ?? '') === file.path;
  if (['test:stdout', 'test:stderr'].includes(type))
    file.output = (file.output + data.message).slice(-OUTPUT_CHARS);
  else if (type === 'test:dequeue' && !isFile) file.running.set(keyOf(data), data.name);
  else if (type === 'test:complete') file.running.delete(keyOf(data));
  else if (type === 'test:start') file.titles.splice(data.nesting, Infinity, data.name);
  else if (type === 'test:pass' || type === 'test:fail') noteResult(file, type, data, isFile);
}

function keyOf({ name, line, column }) {
  return `${name}:${line}:${column}`;
}

function noteResult(file, type, data, isFile) {
  const isSuite = data.details?.type === 'suite';
  const title = [...file.titles.slice(0, data.nesting), data.name].join(' › ');
  if (data.nesting === 0 && !isFile) file.ms += data.details?.duration_ms ?? 0;
  if (type === 'test:fail') {
    const { error } = data.details;
    // A suite fails with its tests, and they are counted already.
    if (isSuite && error?.failureType === 'subtestsFailed') return;
    file.failures.push(isFile ? fileFailure(file, error) : `${title}\n${indent(explain(error))}`);
  } else if (isFile) file.failures.push('The file has no tests.');
  else if (data.skip !== undefined || data.todo !== undefined) file.skipped.push(title);
  else if (!isSuite) file.passed += 1;
}

function fileFailure(file, error) {
  const running = [...file.running.values()].map((name) => `\n    still running: ${name}`).join('');
  const why =
    error?.failureType === 'testTimeoutFailure' ? (error.cause ?? error.message) : undefined;
  const ended = `ended with ${error?.exitCode ?? error?.signal ?? 'an error'}`;
  return `The file as a whole: ${why ?? ended}${running}`;
}

function close(file, totals) {
  totals.passed += file.passed;
  totals.failed += file.failures.length;
  totals.skipped.push(...file.skipped.map((title) => `${file.name}: ${title}`));
  const failed = file.failures.length > 0 ? `, ${file.failures.length} failed` : '';
  const mark = file.failures.length === 0 ? '✓' : '✗';
  const line = `${mark} ${file.name}  ${file.passed} passed${failed}  (${(file.ms / 1000).toFixed(1)} s)\n`;
  if (file.failures.length === 0) return line;
  return `${line}${file.failures.map((failure) => `  ✗ ${failure}\n`).join('')}${printed(file)}`;
}

function printed(file) {
  return file.output === '' ? '' : `  ${file.name} printed:\n${indent(file.output.trimEnd())}\n`;
}

/** The error with its causes; node:test's own wrapping and the frames of Node itself left out. */
function explain(error) {
  const texts = [];
  const own = error?.code === 'ERR_TEST_FAILURE' && error.cause !== undefined ? error.cause : error;
  for (let each = own; each !== undefined && each !== null; each = each.cause)
    texts.push(each instanceof Error ? (each.stack ?? each.message) : inspect(each));
  return texts.join('\ncaused by: ').replaceAll(/\n +at .*node:internal.*/g, '');
}

function indent(text) {
  return text.replaceAll(/^/gm, '    ');
}
