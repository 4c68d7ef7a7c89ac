import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '@fanfare/protocol';
import { defaultText, startSettings } from '../packages/fanfare/src/settings.ts';
import { rootFile } from './deploy-files.ts';

/** Products of figures and of limits of the protocol; nothing else may stand there. */
function valueOf(expression: string): number {
  return expression
    .split('*')
    .map((factor) => factor.trim())
    .map((factor) => {
      const name = /^limits\.(\w+)$/.exec(factor)?.[1];
      return name === undefined ? Number(factor.replaceAll('_', '')) : Reflect.get(limits, name);
    })
    .reduce((product: number, factor) => product * Number(factor), 1);
}

/** What the code has under the name. */
function inCode(name: string, path: string): number {
  if (path === 'settings') {
    const schema = Object.entries(startSettings).find(([setting]) => setting === name)?.[1];
    assert.ok(schema !== undefined, `there is no setting ${name}`);
    return Number(defaultText(schema));
  }
  const [expression, ...others] = [
    ...rootFile(path).matchAll(
      new RegExp(`\\b${name}(?: =|:) ([\\w. *]*\\d[\\w. *]*|[\\w. *]*limits[\\w. *]*)[,;} ]`, 'g'),
    ),
  ].map(([, text = '']) => text.trim());
  assert.ok(expression !== undefined, `${path} has no figure ${name}`);
  assert.deepEqual(others, [], `${path} has more than one ${name}`);
  return valueOf(expression);
}

describe('docs/queues.md', () => {
  const rows = [
    ...rootFile('docs/queues.md').matchAll(/^\| (.+) \| `(\w+)` = (\d+) \| (\S+) \| (.+) \|$/gm),
  ];

  it('[SL31] has rows', () => assert.ok(rows.length > 40));

  for (const [, what = '', name = '', figure, path = ''] of rows)
    it(`[SL31] ${what}: ${name} is ${figure} in ${path}`, () =>
      assert.equal(inCode(name, path), Number(figure)));
});
