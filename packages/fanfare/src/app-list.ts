import { maskedUrl, parseEntry, type App, type AppEntries } from '@fanfare/core';

const MASK = '***';

/** The apps of a store for a person; what cannot be used is said behind the table. */
export function appTable(entries: AppEntries): string {
  if (entries.size === 0) return 'there is no app yet; `fanfare apps add` makes one';
  const problems: string[] = [];
  const rows = sorted(entries).map(([id, text]) => {
    const parsed = parseEntry(id, text);
    if (!parsed.ok) {
      problems.push(...parsed.problems.map((problem) => `app ${id}: ${problem}`));
      return [id, 'cannot be used', '', ''];
    }
    const { enabled, keys, webhooks } = parsed.data;
    const names = keys.map(({ key }) => key).join(', ');
    return [id, enabled ? 'enabled' : 'disabled', names, String(webhooks.length)];
  });
  const table = [['id', 'state', 'keys', 'webhooks'], ...rows];
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...table.map((cells) => cells[column]?.length ?? 0)),
  );
  const lines = table.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ...problems].join('\n');
}

/** The apps with all their settings in effect, under the names of an apps file; no secret among them. */
export function appJson(entries: AppEntries): string {
  const apps = sorted(entries).map(([id, text]) => {
    const parsed = parseEntry(id, text);
    return parsed.ok ? maskedApp(parsed.data) : { id, problems: parsed.problems };
  });
  return JSON.stringify({ apps }, null, 2);
}

function maskedApp(app: App): object {
  return {
    ...app,
    keys: app.keys.map(({ key }) => ({ key, secret: MASK })),
    webhooks: app.webhooks.map((hook) => ({
      ...hook,
      url: maskedUrl(hook.url),
      headers: Object.fromEntries(Object.keys(hook.headers).map((name) => [name, MASK])),
    })),
  };
}

function sorted(entries: AppEntries): readonly (readonly [string, string])[] {
  return [...entries].toSorted(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
}
