import { type Logger, pino } from 'pino';
import type { LogLevel } from './config.ts';
import { redact } from './redact.ts';

export type { Logger };

/** Writes one JSON object a line on stderr, so that stdout stays for what a command has to say. */
export function createLogger(level: LogLevel): Logger {
  const serializers = { err: withoutSecrets, line: redact };
  return pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime, serializers },
    pino.destination(2),
  );
}

/** An error's words may be a provider's, and hold what it was given. */
function withoutSecrets(error: Error): Record<string, unknown> {
  const fields = Object.entries(pino.stdSerializers.err(error));
  return Object.fromEntries(
    fields.map(([name, value]) => [name, typeof value === 'string' ? redact(value) : value]),
  );
}
