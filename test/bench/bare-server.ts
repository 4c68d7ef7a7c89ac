/**
 * The smallest uWebSockets.js server that does a Pusher handshake, a subscribe and a native
 * publish: what no server on this library can be cheaper than. It publishes by itself, on order.
 */
import uWS from 'uWebSockets.js';
import type { us_listen_socket } from 'uWebSockets.js';
import { feedOnOrder } from './feed.ts';

const TOPIC = 'bench';
const app = uWS.App();
app.ws('/*', {
  idleTimeout: 0,
  open(socket) {
    socket.send(
      '{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"1.1\\",\\"activity_timeout\\":120}"}',
    );
  },
  message(socket) {
    socket.send('{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":"bench"}');
    socket.subscribe(TOPIC);
  },
});
app.listen('127.0.0.1', 0, (token: us_listen_socket | false) => {
  if (token === false) throw new Error('the bare server cannot listen');
  process.stdout.write(`port ${uWS.us_socket_local_port(token)}\n`);
});

feedOnOrder((frame, burst) => {
  const bytes = Buffer.from(frame);
  for (let index = 0; index < burst; index += 1) app.publish(TOPIC, bytes, false, false);
});
