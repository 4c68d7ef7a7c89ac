// node:test's events as one line a file, failures in full, and the totals in the file that
// FANFARE_TEST_TOTALS names: counted from events, never from printed text.
import { writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { relative } from 'node:path';

export default async function* report(source) {
  const totals = { passed: 0, failed: 0, skipped: [] };
  const files = new Map();
  for await (const { type, data } of source) {
    if (type === 'test:stdout' || type === 'test:stderr') {
      yield data.message;
      continue;
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    // A suite is its tests, and a file is its suites; a file that crashed has no other failure.
    const isFile = data.nesting === 0 && data.name === data.file;
    const isSuite = data.details?.type === 'suite';
    const file = data.file ?? '';
    const entry = files.get(file) ?? { passed: 0, failed: 0, ms: 0 };
    files.set(file, entry);
    if (data.skip !== undefined || data.todo !== undefined) totals.skipped.push(data.name);
    else if (type === 'test:fail' && !(isSuite && isOnlyAboutChildren(data))) {
      totals.failed += 1;
      entry.failed += 1;
      yield `\n✗ ${relative(process.cwd(), file)}: ${data.name}\n${indent(reason(data.details.error))}\n`;
    } else if (type === 'test:pass' && !isSuite && !isFile) {
      totals.passed += 1;
      entry.passed += 1;
    }
    if (data.nesting === 0) entry.ms += data.details?.duration_ms ?? 0;
  }
  for (const [file, { passed, failed, ms }] of files) {
    const mark = failed === 0 ? '✓' : '✗';
    yield `${mark} ${relative(process.cwd(), file)}  ${passed} passed${failed > 0 ? `, ${failed} failed` : ''}  (${(ms / 1000).toFixed(1)} s)\n`;
  }
  writeFileSync(process.env.FANFARE_TEST_TOTALS, JSON.stringify(totals));
}

function isOnlyAboutChildren({ details }) {
  return details.error?.failureType === 'subtestsFailed';
}

function reason(error) {
  const cause = error?.cause ?? error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause);
}

function indent(text) {
  return String(text).replaceAll(/^/gm, '    ');
}
