/**
 * The smallest uWebSockets.js server that does a Pusher handshake, a subscribe and a native
 * publish: what no server on this library can be cheaper than. It publishes by itself:
 * `node … bare-server.ts` and then a line `burst rate seconds bytes` on stdin.
 */
import { createInterface } from 'node:readline';
import uWS from 'uWebSockets.js';
import type { us_listen_socket } from 'uWebSockets.js';
import { benchFrame } from './bench-frame.ts';

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

createInterface({ input: process.stdin }).on('line', (line) => {
  const [burst = 1, perSecond = 1, seconds = 1, bytes = 100] = line.split(' ').map(Number);
  const frame = Buffer.from(benchFrame(bytes));
  let left = Math.round((perSecond / burst) * seconds);
  const timer = setInterval(
    () => {
      for (let index = 0; index < burst; index += 1) app.publish(TOPIC, frame, false, false);
      left -= 1;
      if (left > 0) return;
      clearInterval(timer);
      process.stdout.write('done\n');
    },
    (1000 * burst) / perSecond,
  );
});
