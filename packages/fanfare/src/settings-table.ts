import type { SettingsShape } from '@fanfare/core';
import {
  apiRoleSettings,
  defaultText,
  edgeRoleSettings,
  startSettings,
  webhooksRoleSettings,
} from './settings.ts';

/** In the order in which a reader looks for them. */
const roles: readonly (readonly [name: string, settings: SettingsShape])[] = [
  ['start', startSettings],
  ['edge', edgeRoleSettings],
  ['api', apiRoleSettings],
  ['webhooks', webhooksRoleSettings],
];

/**
 * All settings as the Markdown table of deploy/README.md: name, the roles that read it, default and
 * meaning. Where roles differ, a cell lists the differences.
 */
export function settingsTable(): string {
  const names = new Set(roles.flatMap(([, settings]) => Object.keys(settings)));
  const rows = [...names].map((name) => {
    const readers = roles.filter(([, settings]) => name in settings);
    return [
      `\`${name}\``,
      readers.length === roles.length ? 'all' : readers.map(([role]) => role).join(', '),
      defaultsOf(name, readers),
      meaningOf(name, readers),
    ];
  });
  return [['Setting', 'Roles', 'Default', 'Meaning'], ['---', '---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

const BLOCK = /(?<=<!-- settings -->\n\n)[^]*?(?=\n\n<!-- \/settings -->)/;

/** A document whose table between the markers `settings` and `/settings` is the one of today. */
export function withSettingsTable(document: string): string {
  if (!BLOCK.test(document)) throw new Error('the markers of the settings table are missing');
  return document.replace(BLOCK, settingsTable);
}

type Readers = typeof roles;

/** One default, or one for each role when they differ. */
function defaultsOf(name: string, readers: Readers): string {
  const defaults = readers.map(([role, settings]) => {
    const schema = settings[name];
    const text = schema === undefined ? undefined : defaultText(schema);
    return { role, text: text === undefined ? '' : `\`${text}\`` };
  });
  const distinct = new Set(defaults.map(({ text }) => text));
  if (distinct.size === 1) return [...distinct].join('');
  return defaults.map(({ role, text }) => `${role}: ${text === '' ? 'unset' : text}`).join(', ');
}

/** What the role of its own says comes first; `start` is the sum of the others and may add to it. */
function meaningOf(name: string, readers: Readers): string {
  const own = readers.findLast(([, settings]) => settings[name] !== undefined);
  return own?.[1][name]?.description ?? '';
}
