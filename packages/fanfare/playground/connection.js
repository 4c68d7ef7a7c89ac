import { byId } from './dom.js';

/** Connection states of pusher-js in our words. */
const WORDS = {
  initialized: 'Connecting…',
  connecting: 'Connecting…',
  connected: 'Connected',
  unavailable: 'Unreachable',
  disconnected: 'Disconnected',
  failed: 'Failed',
};

/** What to do about it, where the server's own words do not say. */
const ADVICE = {
  4001: 'The server does not know this app key any more. Reload the page.',
  4200: 'The server is going away.',
};

const RETRY_MS = 1000;

export async function readConfig() {
  const response = await fetch('/playground/config.json');
  return response.json();
}

export function openPusher(config) {
  return new globalThis.Pusher(config.key, {
    cluster: 'fanfare',
    wsHost: location.hostname,
    wsPort: config.edgePort,
    wssPort: config.edgePort,
    wsPath: config.pathPrefix,
    forceTLS: config.tls,
    // With both, pusher-js tries the other when the first is slow, and that one cannot work.
    enabledTransports: [config.tls ? 'wss' : 'ws'],
    unavailableTimeout: 3000,
    channelAuthorization: { customHandler: authorize },
  });
}

/** Shows the state of the connection, and everything that goes wrong with it, in plain words. */
export function watchConnection(pusher, config, log) {
  const link = byId('link');
  const banner = byId('banner');
  const button = byId('link-button');
  const edge = `${config.tls ? 'wss' : 'ws'}://${location.hostname}:${config.edgePort}`;
  let reason;

  const say = (text) => {
    banner.hidden = text === '';
    banner.textContent = text;
  };

  const show = (state) => {
    link.dataset.state = state;
    byId('link-text').textContent = WORDS[state] ?? state;
    byId('socket-id').textContent = state === 'connected' ? pusher.connection.socket_id : '';
    button.textContent = state === 'disconnected' || state === 'failed' ? 'Connect' : 'Disconnect';
  };

  pusher.connection.bind('state_change', ({ previous, current }) => {
    show(current);
    if (current === 'connected') {
      reason = undefined;
      say('');
      log.add({ kind: 'system', event: 'Connected', text: `as ${pusher.connection.socket_id}` });
      return;
    }
    if (previous === 'connected') {
      log.add({ kind: 'system', event: 'Connection closed', text: reason });
      if (current === 'connecting') say(`${reason ?? 'The connection closed.'} Connecting again…`);
      return;
    }
    if (current === 'unavailable')
      say(`Cannot reach the edge at ${edge}. Is fanfare start still running? Trying on…`);
    if (current === 'disconnected' && reason !== undefined) say(reason);
    if (current === 'failed') say('This browser cannot open WebSockets.');
  });
  pusher.connection.bind('error', (error) => {
    const text = wordsOf(error);
    if (text === undefined) return;
    reason = text;
    log.add({ kind: 'error', event: 'Error', text });
  });
  button.addEventListener('click', () => {
    if (button.textContent === 'Connect') pusher.connect();
    else {
      reason = undefined;
      say('');
      pusher.disconnect();
    }
  });
  show(pusher.connection.state);
  setInterval(() => void comeBack(pusher, config), RETRY_MS);
}

/** pusher-js lets 15 s pass between two tries, which is long for somebody who restarts the server. */
async function comeBack(pusher, config) {
  if (pusher.connection.state !== 'unavailable') return;
  let now;
  try {
    now = await readConfig();
  } catch {
    // Still away.
    return;
  }
  if (pusher.connection.state !== 'unavailable') return;
  // Another app or another port: nothing on this page is true any more.
  if (JSON.stringify(now) !== JSON.stringify(config)) location.reload();
  pusher.disconnect();
  pusher.connect();
}

/** Undefined for a socket that could not be opened: the browser keeps the reason to itself, and the state says it. */
function wordsOf(error) {
  const data = error?.data ?? error?.error?.data;
  if (data === undefined) return undefined;
  if (typeof data === 'string') return 'The server sent a frame that is not JSON.';
  const code = data.code === null || data.code === undefined ? '' : ` (${data.code})`;
  return `${ADVICE[data.code] ?? data.message ?? 'The server reported an error.'}${code}`;
}

async function authorize({ socketId, channelName }, callback) {
  try {
    const response = await fetch('/playground/auth', {
      method: 'POST',
      body: new URLSearchParams({ socket_id: socketId, channel_name: channelName }),
    });
    if (response.ok) callback(null, await response.json());
    else callback(new Error(await response.text()), null);
  } catch {
    callback(new Error('The API does not answer. Is fanfare start still running?'), null);
  }
}
