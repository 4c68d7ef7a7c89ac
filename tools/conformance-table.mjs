// Writes the rules of the conformance suite into docs/conformance.md, between its markers.
// node --conditions=source --import tsx tools/conformance-table.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { topics } from '../packages/fanfare/src/conformance/cases.ts';

const path = new URL('../docs/conformance.md', import.meta.url);
const [start, end] = ['<!-- rules -->\n', '<!-- /rules -->\n'];

const tables = topics.map(({ title, cases }) => {
  const rows = cases.map(({ rule, title: sentence, needs }) => {
    const text = sentence.replaceAll('|', '\\|');
    return `| \`${rule}\` | ${text} | ${needs === undefined ? '' : `\`${needs}\``} |`;
  });
  return [`### ${title}`, '', '| Rule | | Needs |', '|---|---|---|', ...rows, ''].join('\n');
});

const text = readFileSync(path, 'utf8');
const before = text.slice(0, text.indexOf(start) + start.length);
const after = text.slice(text.indexOf(end));
writeFileSync(path, `${before}\n${tables.join('\n')}\n${after}`);
