import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appLimitsSchema } from '@fanfare/core';
import { rootFile } from './deploy-files.ts';
import { callerTold, clientTold, closes, type CataloguedError } from './error-catalogue.ts';

/** The cells of a table's rows, behind a heading. */
function rowsOf(file: string, heading: string): readonly (readonly string[])[] {
  const [, part = ''] = `\n${rootFile(file)}`.split(`\n${heading}\n`);
  const lines = part.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|---'));
  const end = lines.findIndex((line, at) => at > start && !line.startsWith('|'));
  const rows = lines.slice(start + 1, end).map((line) => line.split(' | '));
  assert.ok(start > 0 && rows.length > 0, `${file} has no table under ${heading}`);
  return rows.map((cells) => cells.map((cell) => cell.replace(/^\| | \|$/g, '')));
}

describe('docs/errors.md', () => {
  const tables: readonly (readonly [heading: string, errors: readonly CataloguedError[]])[] = [
    ['## The socket is closed', closes],
    ['## The socket stays open', clientTold],
    ['## The HTTP API answers', callerTold],
  ];
  for (const [heading, errors] of tables)
    it(`[LM70] "${heading.slice(3)}" has every error of the code as it is sent, and no other`, () => {
      const rows = rowsOf('docs/errors.md', heading);
      const inDocs = rows.map(([code = '', text = '']) => `${code} ${text}`);
      const inCode = errors.map(({ code, text }) => `\`${code}\` \`${text}\``);
      assert.deepEqual(inDocs.toSorted(), inCode.toSorted());
      for (const [, text, when = '', what = ''] of rows)
        assert.ok(when.length > 5 && what.length > 5, `nothing is said of ${text}`);
    });
});

describe('docs/limits.md', () => {
  const rows = rowsOf('docs/limits.md', '# Limits of an app').map(([name = '', ...rest]) => {
    const [fallback = '', range = ''] = rest;
    const [min, max] = range.split(' to ').map(Number);
    return { name: name.replaceAll('`', ''), fallback, min: Number(min), max: Number(max) };
  });

  it('[LM71] has every limit of an app, with its default', () => {
    const inDocs = rows.map(({ name, fallback }) => [name, fallback]);
    const inCode = Object.entries(appLimitsSchema.parse({})).map(([name, value]) => [
      name,
      value === null ? 'no limit' : String(value),
    ]);
    assert.deepEqual(inDocs, inCode);
  });

  for (const { name, min, max } of rows)
    it(`[LM71] says of ${name} what it may be`, () => {
      // Together with others there may be less room.
      const others = name === 'maxEventBytes' ? { maxChannelsPerTrigger: 1 } : {};
      const accepts = (value: number): boolean =>
        appLimitsSchema.safeParse({ ...others, [name]: value }).success;
      assert.deepEqual([min - 1, min, max, max + 1].map(accepts), [false, true, true, false]);
    });
});
