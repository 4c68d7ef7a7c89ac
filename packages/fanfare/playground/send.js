import { byId, make, readData, watchData } from './dom.js';

/** After so long an event that looks like ours is somebody else's. */
const OWN_MS = 10_000;

/** The trigger form. Answers whether an event that arrived is one of its own, and after how many ms. */
export function createTrigger(pusher, log) {
  const form = byId('trigger');
  const data = byId('trigger-data');
  const outcome = byId('trigger-outcome');
  let sent = [];
  watchData(data, byId('trigger-hint'));

  const send = async () => {
    const channel = byId('trigger-channel').value.trim();
    const event = byId('trigger-event').value.trim();
    const { text, value } = readData(data);
    const excluded = byId('trigger-exclude').checked ? pusher.connection.socket_id : undefined;
    const mine = { channel, event, form: JSON.stringify(value), at: performance.now() };
    if (excluded === undefined) sent.push(mine);
    const answer = await post({ channel, event, data: text, socket_id: excluded });
    if (!answer.ok) {
      sent = sent.filter((other) => other !== mine);
      tell(outcome, 'bad', answer.text);
    } else if (excluded === undefined) tell(outcome, 'good', `Sent. ${caveat(pusher, channel)}`);
    else {
      tell(outcome, 'good', 'Sent to everyone but this tab.');
      log.add({ kind: 'sent', event, channel, data: value, badge: 'sent, not to this tab' });
    }
  };
  form.addEventListener('submit', (submit) => {
    submit.preventDefault();
    void send();
  });

  return {
    own({ channel, event, data: value }) {
      const now = performance.now();
      sent = sent.filter(({ at }) => now - at < OWN_MS);
      const text = JSON.stringify(value);
      const mine = sent.find(
        (other) => other.channel === channel && other.event === event && other.form === text,
      );
      sent = sent.filter((other) => other !== mine);
      return mine === undefined ? undefined : Math.max(1, Math.round(now - mine.at));
    },
  };
}

export function createClientEvents(pusher, channels, log) {
  const form = byId('client');
  const select = byId('client-channel');
  const data = byId('client-data');
  const outcome = byId('client-outcome');
  watchData(data, byId('client-hint'));

  const show = () => {
    const names = channels.talking();
    const chosen = select.value;
    select.replaceChildren(...names.map((name) => make('option', { value: name }, name)));
    if (names.includes(chosen)) select.value = chosen;
    byId('client-invite').hidden = names.length > 0;
    byId('client-fields').hidden = names.length === 0;
  };
  document.addEventListener('channels', show);
  byId('client-subscribe').addEventListener('click', () =>
    channels.subscribe('private-my-channel'),
  );
  show();

  form.addEventListener('submit', (submit) => {
    submit.preventDefault();
    const name = select.value;
    const event = `client-${byId('client-event').value.trim()}`;
    const { value } = readData(data);
    if (pusher.channel(name)?.trigger(event, value) !== true) {
      tell(outcome, 'bad', 'Not sent: this tab is not connected.');
      return;
    }
    tell(outcome, 'good', 'Sent to everyone else on the channel.');
    log.add({ kind: 'sent', event, channel: name, data: value, badge: 'sent' });
  });
}

/** Why what was sent will not show up here. */
function caveat(pusher, channel) {
  if (pusher.connection.state !== 'connected') return 'This tab is not connected.';
  return pusher.channel(channel) === undefined ? `This tab does not listen to ${channel}.` : '';
}

async function post(body) {
  try {
    const response = await fetch('/playground/trigger', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (response.ok) return { ok: true };
    return {
      ok: false,
      text: `Refused with ${response.status}: ${(await response.text()).trim()}`,
    };
  } catch {
    return { ok: false, text: 'The API does not answer. Is fanfare start still running?' };
  }
}

function tell(outcome, state, text) {
  outcome.dataset.state = state;
  outcome.textContent = text;
}
