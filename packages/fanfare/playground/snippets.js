import { byId, readData } from './dom.js';

const SECRET = '••••••••';
const COPIED_MS = 1500;

/** The snippets say what the trigger form says, so that what was tried is what is pasted. */
export function createSnippets(config) {
  byId('app-id').textContent = config.appId;
  byId('app-key').textContent = config.key;
  const inputs = ['trigger-channel', 'trigger-event', 'trigger-data'].map(byId);
  const show = () => {
    const [channel, event] = inputs.map((input) => input.value.trim());
    const what = { channel, event, data: readData(inputs[2]) };
    put('snippet-browser', browserSnippet(config, what));
    put('snippet-server', serverSnippet(config, what));
    put('snippet-terminal', terminalSnippet(what));
  };
  for (const input of inputs) input.addEventListener('input', show);
  for (const button of document.querySelectorAll('.copy'))
    button.addEventListener('click', () => void copy(button));
  show();
}

function browserSnippet(config, { channel, event }) {
  const ports = config.tls
    ? `wssPort: ${config.edgePort}, forceTLS: true, enabledTransports: ['wss'],`
    : `wsPort: ${config.edgePort}, forceTLS: false, enabledTransports: ['ws'],`;
  const path = config.pathPrefix === '' ? '' : `\n  wsPath: ${literal(config.pathPrefix)},`;
  return `// npm install pusher-js
import Pusher from 'pusher-js';

const pusher = new Pusher(${literal(config.key)}, {
  cluster: 'fanfare',
  wsHost: ${literal(location.hostname)},
  ${ports}${path}
});
pusher.subscribe(${literal(channel)}).bind(${literal(event)}, (data) => console.log(data));`;
}

function serverSnippet(config, { channel, event, data }) {
  const port = location.port === '' ? '80' : location.port;
  return `// npm install pusher
import Pusher from 'pusher';

const pusher = new Pusher({
  appId: ${literal(config.appId)},
  key: ${literal(config.key)},
  secret: '${SECRET}',
  host: ${literal(location.hostname)}, port: '${port}', useTLS: false,
});
await pusher.trigger(${literal(channel)}, ${literal(event)}, ${literal(data.value)});`;
}

function terminalSnippet({ channel, event, data }) {
  const text = data.json ? JSON.stringify(data.value) : data.text;
  return `# in the folder in which you ran fanfare start
npx fanfare trigger ${word(channel)} ${word(event)} ${quoted(text)}`;
}

/** A JSON value as one writes it in JavaScript. */
function literal(value) {
  if (typeof value === 'string') {
    const inside = JSON.stringify(value)
      .slice(1, -1)
      .replaceAll(String.raw`\"`, '"');
    return `'${inside.replaceAll("'", String.raw`\'`)}'`;
  }
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).map(
    ([key, inner]) => `${/^[A-Za-z_$][\w$]*$/.test(key) ? key : literal(key)}: ${literal(inner)}`,
  );
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

/** A word of a shell command, quoted if it needs to be. */
function word(text) {
  return /^[\w@=.,:-]+$/.test(text) ? text : quoted(text);
}

function quoted(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function put(id, text) {
  byId(id).querySelector('pre').textContent = text;
}

async function copy(button) {
  const text = button.parentElement.querySelector('pre');
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = 'Copied';
  } catch {
    // Without a secure context there is no clipboard; what is selected can still be copied by hand.
    globalThis.getSelection().selectAllChildren(text);
    button.textContent = 'Selected';
  }
  setTimeout(() => {
    button.textContent = 'Copy';
  }, COPIED_MS);
}
