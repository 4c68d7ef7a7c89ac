import { wholeNumber } from '@fanfare/core';
import { limits } from '@fanfare/protocol';
import { z } from 'zod';

export const edgeSettings = {
  EDGE_HOST: z.string().default('0.0.0.0').describe('Address on which clients connect.'),
  EDGE_PORT: wholeNumber(0, 65_535).default(3131).describe('Its port.'),
  EDGE_PATH_PREFIX: z
    .string()
    .regex(/^(\/[^/?#]+)*$/, 'expected a path such as /push: a slash in front, none at the end')
    .default('')
    .describe('What stands before `/app/{key}` in the path.'),
  EDGE_TLS_CERT: z.string().optional().describe('Certificate file (PEM) for TLS without a proxy.'),
  EDGE_TLS_KEY: z.string().optional().describe('Its key file (PEM).'),
  EDGE_ACTIVITY_TIMEOUT_SECONDS: wholeNumber(1, 3600)
    .default(limits.activityTimeoutSeconds)
    .describe('Told to clients: after so much silence they ping.'),
  EDGE_PING_SECONDS: wholeNumber(1, 3600)
    .default(30)
    .describe(
      'Silence after which the edge sends a WebSocket PING. Keep it below the idle timeout of proxies.',
    ),
  EDGE_PONG_SECONDS: wholeNumber(1, 3600)
    .default(limits.pongTimeoutSeconds)
    .describe('Time a client has to answer it before it is closed with 4201.'),
  EDGE_SOCKET_BUFFER_BYTES: wholeNumber(65_536, 1_073_741_824)
    .default(1_048_576)
    .describe('Bytes that may wait for a client that does not read before it is closed with 4100.'),
  EDGE_CONNECTIONS_PER_ADDRESS: wholeNumber(1, 10_000_000)
    .optional()
    .describe(
      'Connections that one client address may have on an edge; more get 4100. Of IPv6 the /64 counts. Unset: any number.',
    ),
  EDGE_ADDRESS_FROM: z
    .enum(['connection', 'forwarded-for'])
    .default('connection')
    .describe(
      'Where that address stands: `forwarded-for` is the last one of `X-Forwarded-For`, for an edge that only a proxy can reach.',
    ),
} as const;
