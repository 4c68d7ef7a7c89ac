import { byId, make } from './dom.js';

const STORE = 'fanfare-channels';
const FIRST = ['my-channel'];

/** The channels of this tab: chips with their state, remembered over a reload. */
export function createChannels(pusher, log) {
  const chips = byId('chips');
  const note = byId('channels-note');
  const channels = new Map();

  const publish = () => {
    sessionStorage.setItem(STORE, JSON.stringify([...channels.keys()]));
    byId('channel-names').replaceChildren(
      ...[...channels.keys()].map((name) => make('option', { value: name })),
    );
    document.dispatchEvent(new CustomEvent('channels'));
  };

  const setState = (name, state, reason = '') => {
    const entry = channels.get(name);
    if (entry === undefined) return;
    entry.state = state;
    entry.chip.dataset.state = state;
    entry.chip.title = { pending: 'Subscribing…', good: 'Subscribed', bad: reason }[state];
    entry.status.textContent = { pending: ', subscribing', good: '', bad: ', refused' }[state];
    publish();
  };

  const unsubscribe = (name) => {
    pusher.unsubscribe(name);
    channels.get(name)?.chip.remove();
    channels.delete(name);
    note.textContent = channels.size === 0 ? 'This tab listens to nothing now.' : '';
    log.add({ kind: 'system', event: 'Unsubscribed', channel: name });
    publish();
  };

  const subscribe = (name) => {
    note.textContent = channels.has(name) ? `This tab listens to ${name} already.` : '';
    if (channels.has(name)) return;
    const { chip, status } = chipOf(name, () => unsubscribe(name));
    chips.append(chip);
    channels.set(name, { chip, status, state: 'pending' });
    setState(name, 'pending');
    const channel = pusher.subscribe(name);
    channel.bind('pusher:subscription_succeeded', () => {
      setState(name, 'good');
      log.add({ kind: 'system', event: 'Subscribed', channel: name });
    });
    channel.bind('pusher:subscription_error', (error) => {
      const reason = String(error?.error ?? 'the subscription was refused');
      setState(name, 'bad', reason);
      note.textContent = `${name}: ${reason}`;
      log.add({ kind: 'error', event: 'Subscription refused', channel: name, text: reason });
    });
  };

  byId('subscribe').addEventListener('submit', (event) => {
    event.preventDefault();
    const input = byId('subscribe-name');
    const name = input.value.trim();
    if (name !== '') subscribe(name);
    input.value = '';
  });
  // pusher-js subscribes again by itself once it is back.
  pusher.connection.bind('state_change', ({ current }) => {
    if (current !== 'connected') for (const name of channels.keys()) setState(name, 'pending');
  });

  for (const name of remembered()) subscribe(name);
  return {
    subscribe,
    /** Those that carry client events. */
    talking: () =>
      [...channels]
        .filter(([name, { state }]) => state === 'good' && isTalking(name))
        .map(([name]) => name),
  };
}

function chipOf(name, onRemove) {
  const dot = make('span', { class: 'dot', 'aria-hidden': 'true' });
  const status = make('span', { class: 'sr' });
  const label = `Unsubscribe from ${name}`;
  const remove = make('button', { type: 'button', 'aria-label': label }, '×');
  remove.addEventListener('click', onRemove);
  return {
    chip: make('li', { class: 'chip' }, dot, make('span', {}, name), status, remove),
    status,
  };
}

function isTalking(name) {
  return name.startsWith('private-') || name.startsWith('presence-');
}

function remembered() {
  try {
    const names = JSON.parse(sessionStorage.getItem(STORE) ?? 'null');
    if (Array.isArray(names)) return names.map(String);
  } catch {
    // Whatever stands there was not written by us.
  }
  return FIRST;
}
