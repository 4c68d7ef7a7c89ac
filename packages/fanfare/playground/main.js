import { Channels } from './channels.js';
import { openPusher, readConfig, watchConnection } from './connection.js';
import { byId, makeTabs } from './dom.js';
import { createLog } from './log.js';
import { createClientEvents, createTrigger } from './send.js';
import { createSnippets } from './snippets.js';

makeTabs(byId('send-tabs'));
makeTabs(byId('use-tabs'));

const config = await readConfig();
createSnippets(config);

const log = createLog();
const pusher = openPusher(config);
watchConnection(pusher, config, log);
const trigger = createTrigger(pusher, log);
const channels = new Channels(pusher, log);
createClientEvents(pusher, channels, log);

// The protocol's own events have been told in words by those whom they concern.
pusher.connection.bind('message', ({ event, channel, data, user_id: user }) => {
  if (event.startsWith('pusher:') || event.startsWith('pusher_internal:')) return;
  const ms = trigger.own({ channel, event, data });
  let badge = user === undefined ? undefined : `by ${user}`;
  if (ms !== undefined) badge = `from this tab · ${ms} ms`;
  log.add({ kind: 'event', event, channel, data, badge });
});
