/**
 * Publishes to the channel `bench` as an API node does, on order, in a process of its own: the one
 * that receives is busy. Arguments: the URL of Redis, the app's id.
 */
import { createLogger } from '@fanfare/core';
import { channelKey, parseAppId, parseChannelName } from '@fanfare/protocol';
import { openRedisPublisher } from '@fanfare/redis';
import { feedOnOrder } from './feed.ts';

const [url = '', id = ''] = process.argv.slice(2);
const app = parseAppId(id);
const name = parseChannelName('bench');
if (app === undefined || name === undefined) throw new Error('the app of the benchmark is none');
const channel = channelKey(app, name);
const publisher = await openRedisPublisher({
  url,
  connectionName: 'bench',
  log: createLogger('bench', 'silent'),
});
let messages = 0;
feedOnOrder((frame, burst) => {
  const batch = Array.from({ length: burst }, () => {
    messages += 1;
    return { channel, frame, except: null, id: `m${messages}`, recorded: true, once: false };
  });
  void publisher.publish(batch);
});
process.stdout.write('ready\n');
