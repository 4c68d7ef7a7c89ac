import PusherServer from 'pusher';
import type { FuzzApp } from './apps.ts';

/** The backend of an honest app. */
export function backendOf(port: number, { id, key, secret }: FuzzApp): PusherServer {
  return new PusherServer({
    appId: id,
    key,
    secret,
    host: '127.0.0.1',
    port: String(port),
    useTLS: false,
  });
}
