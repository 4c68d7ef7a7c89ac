import { byId, make } from './dom.js';

const STORE = 'fanfare-channels';
const FIRST = ['my-channel'];
const TITLES = {
  off: 'not connected',
  pending: 'subscribing',
  good: 'subscribed',
  bad: 'refused',
};

/** The channels of this tab: chips with their state, remembered over a reload. */
export class Channels {
  #pusher;
  #log;
  #channels = new Map();

  constructor(pusher, log) {
    this.#pusher = pusher;
    this.#log = log;
    byId('subscribe').addEventListener('submit', (event) => {
      event.preventDefault();
      const input = byId('subscribe-name');
      const name = input.value.trim();
      if (name !== '') this.subscribe(name);
      input.value = '';
    });
    // pusher-js subscribes again by itself once it is back.
    pusher.connection.bind('state_change', () => {
      for (const name of this.#channels.keys()) this.#setState(name, this.#waiting());
    });
    for (const name of remembered()) this.subscribe(name);
  }

  subscribe(name) {
    say(this.#channels.has(name) ? `This tab listens to ${name} already.` : '');
    if (this.#channels.has(name)) return;
    const { chip, status } = chipOf(name, () => this.#unsubscribe(name));
    byId('chips').append(chip);
    this.#channels.set(name, { chip, status, state: 'pending' });
    this.#setState(name, this.#waiting());
    try {
      this.#listen(name, this.#pusher.subscribe(name));
    } catch (error) {
      // pusher-js throws for names that it does not like itself.
      this.#refused(name, error.message);
    }
  }

  /** Those that carry client events now. */
  talking() {
    return [...this.#channels]
      .filter(([name, { state }]) => state === 'good' && /^(private|presence)-/.test(name))
      .map(([name]) => name);
  }

  #listen(name, channel) {
    channel.bind('pusher:subscription_succeeded', () => {
      this.#setState(name, 'good');
      this.#log.add({ kind: 'system', event: 'Subscribed', channel: name });
    });
    channel.bind('pusher:subscription_error', (error) =>
      this.#refused(name, String(error?.error ?? 'the server did not say why')),
    );
  }

  #refused(name, reason) {
    this.#setState(name, 'bad', reason);
    say(`${name}: ${reason}`, 'bad');
    this.#log.add({ kind: 'error', event: 'Subscription refused', channel: name, text: reason });
  }

  #unsubscribe(name) {
    // pusher-js keeps a channel that is not subscribed yet, and would hand it out again.
    this.#pusher.channel(name)?.unbind();
    this.#pusher.unsubscribe(name);
    this.#channels.get(name)?.chip.remove();
    this.#channels.delete(name);
    say(this.#channels.size === 0 ? 'This tab listens to nothing now.' : '');
    this.#log.add({ kind: 'system', event: 'Unsubscribed', channel: name });
    this.#changed();
  }

  #setState(name, state, reason) {
    const entry = this.#channels.get(name);
    if (entry === undefined) return;
    entry.state = state;
    entry.chip.dataset.state = state;
    entry.chip.title = reason ?? TITLES[state];
    entry.status.textContent = `, ${TITLES[state]}`;
    this.#changed();
  }

  #waiting() {
    return this.#pusher.connection.state === 'connected' ? 'pending' : 'off';
  }

  #changed() {
    const names = [...this.#channels.keys()];
    sessionStorage.setItem(STORE, JSON.stringify(names));
    byId('channel-names').replaceChildren(...names.map((name) => make('option', { value: name })));
    document.dispatchEvent(new CustomEvent('channels'));
  }
}

function say(text, state = 'good') {
  const note = byId('channels-note');
  note.textContent = text;
  note.dataset.state = state;
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

function remembered() {
  try {
    const names = JSON.parse(sessionStorage.getItem(STORE) ?? 'null');
    if (Array.isArray(names)) return names.map(String);
  } catch {
    // Whatever stands there was not written by us.
  }
  return FIRST;
}
