import { byId, make } from './dom.js';

/** A page that is left open over night must not grow. */
const MAX_ROWS = 500;

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g;

/**
 * The live log, newest first. Entries are `{ kind, event, channel, data, text, badge }`, all but
 * `kind` and `event` optional; `kind` is event, sent, system or error.
 */
export function createLog() {
  const rows = byId('log-rows');
  const empty = byId('log-empty');
  const count = byId('log-count');
  const filter = byId('log-filter');
  /** Newest first, as on the page. */
  let entries = [];
  let waiting = [];
  let timer;

  const matches = (entry) => entry.words.includes(filter.value.trim().toLowerCase());

  const show = () => {
    let shown = 0;
    for (const entry of entries) {
      const visible = matches(entry);
      entry.row.hidden = !visible;
      if (visible) shown += 1;
    }
    const quiet = entries.every(({ kind }) => kind === 'system');
    empty.hidden = shown > 0 && !quiet;
    empty.textContent =
      shown < entries.length
        ? 'Nothing matches the filter.'
        : 'Press Send, and the event arrives here.';
    count.textContent =
      shown === entries.length ? String(shown || '') : `${shown} of ${entries.length}`;
  };

  // A busy channel brings more events than a screen can draw: they are put in together.
  const flush = () => {
    timer = undefined;
    const fresh = waiting
      .toReversed()
      .map((entry) => ({ row: rowOf(entry), words: wordsOf(entry), kind: entry.kind }));
    waiting = [];
    rows.prepend(...fresh.map(({ row }) => row));
    entries = [...fresh, ...entries];
    for (const { row } of entries.splice(MAX_ROWS)) row.remove();
    show();
  };

  filter.addEventListener('input', show);
  byId('log-clear').addEventListener('click', () => {
    waiting = [];
    entries = [];
    rows.replaceChildren();
    show();
  });

  return {
    add(entry) {
      // A refused subscription is told twice; only the second time it says of which channel.
      if (entry.kind === 'error') waiting = waiting.filter(({ text }) => text !== entry.text);
      waiting.push({ ...entry, at: new Date() });
      if (waiting.length > MAX_ROWS) waiting.shift();
      timer ??= setTimeout(flush, 16);
    },
  };
}

function rowOf({ kind, event, channel, data, text, badge, at }) {
  const head = make('div', { class: 'row-head' }, make('strong', {}, event));
  if (channel !== undefined) head.append(make('span', { class: 'row-channel' }, channel));
  if (badge !== undefined) head.append(make('span', { class: 'badge' }, badge));
  const time = make('time', { datetime: at.toISOString() }, clock(at));
  const row = make('li', { class: 'row', 'data-kind': kind }, head, time);
  const inline = kind === 'system';
  if (text !== undefined) (inline ? head : row).append(make('p', { class: 'row-text' }, text));
  if (data !== undefined) row.append(make('pre', { class: 'row-data' }, ...coloured(data)));
  return row;
}

function wordsOf({ event, channel, data, text, badge }) {
  const shown = data === undefined ? '' : printed(data);
  return [event, channel, text, badge, shown].join('\n').toLowerCase();
}

function printed(data) {
  return typeof data === 'string' ? data : JSON.stringify(data, null, 2);
}

function coloured(data) {
  const text = printed(data);
  if (typeof data === 'string') return [text];
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, string, colon] = match;
    const token = string ?? whole;
    let kind = 'literal';
    if (string !== undefined) kind = colon === undefined ? 'string' : 'key';
    parts.push(text.slice(end, match.index), make('span', { class: `json-${kind}` }, token));
    end = match.index + token.length;
  }
  return [...parts, text.slice(end)];
}

function clock(at) {
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => padded(part, 2));
  return `${time.join(':')}.${padded(at.getMilliseconds(), 3)}`;
}

function padded(number, digits) {
  return String(number).padStart(digits, '0');
}
