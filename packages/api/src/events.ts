import type { Logger } from '@fanfare/core';
import { Counter, type Registry } from 'prom-client';
import { countRequests } from './request-metrics.ts';

/** Everything of an API process that is worth a log line or a metric, one function each. */
export interface ApiEvents {
  listening(port: number): void;
  /** `route` is the pattern of a path, never the path: callers must not be able to make new labels. */
  answered(route: string, status: number, seconds: number): void;
  /** The bus took what one request published; `bytes` are those of the events' data. */
  published(events: number, bytes: number): void;
  /** The connections of a user are to end. */
  terminated(): void;
  unavailable(error: unknown): void;
  stopping(connections: number): void;
  defect(error: unknown): void;
}

export function createApiEvents(log: Logger, registry: Registry): ApiEvents {
  const registers = [registry];
  const requests = countRequests(registry);
  const triggers = new Counter({
    name: 'fanfare_triggers_total',
    help: 'Requests whose events the message bus took.',
    registers,
  });
  const events = new Counter({
    name: 'fanfare_events_published_total',
    help: 'Events that the message bus took, once per channel.',
    registers,
  });
  const eventBytes = new Counter({
    name: 'fanfare_event_bytes_published_total',
    help: 'Bytes of the data of those events.',
    registers,
  });
  const terminations = new Counter({
    name: 'fanfare_terminations_total',
    help: 'Requests to end the connections of a user that the message bus took.',
    registers,
  });
  const defects = new Counter({
    name: 'fanfare_api_defects_total',
    help: 'Exceptions that nothing expected. Each is a bug; please report it.',
    registers,
  });
  return {
    listening(port) {
      log.info({ port }, 'api is listening');
    },
    answered(route, status, seconds) {
      requests(route, status, seconds);
      if (status >= 400) log.debug({ route, status }, 'request refused');
    },
    published(count, bytes) {
      triggers.inc();
      events.inc(count);
      eventBytes.inc(bytes);
    },
    terminated() {
      terminations.inc();
    },
    unavailable(error) {
      // The link's own events are logged where they happen; one line a request would be a flood.
      log.debug(
        { err: error },
        'request could not be carried out; its caller is told to repeat it',
      );
    },
    stopping(connections) {
      log.info({ connections }, 'answering what is under way');
    },
    defect(error) {
      defects.inc();
      log.error({ err: error }, 'unexpected exception; its request got a 500');
    },
  };
}
