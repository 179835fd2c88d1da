import { writeFileSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import type { LogLevel } from './config.ts';
import { redact } from './redact.ts';

export type { Logger };

/**
 * Writes one JSON object a line on stderr: stdout is for the output of the command. A line that cannot be written, because
 * the terminal was closed or a disk is full, is dropped: pino's own destination would retry it for ever at exit.
 */
export function createLogger(level: LogLevel): Logger {
  const serializers = { err: withoutSecrets, line: redact };
  return pino({ level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime, serializers }, stderr);
}

const stderr = {
  write(line: string): void {
    try {
      writeFileSync(2, line);
    } catch {
      // The log is where this would be reported.
    }
  },
};

/** The text of an error may come from a provider, and contain the credentials that the provider was given. */
function withoutSecrets(error: Error): Record<string, unknown> {
  const fields = Object.entries(pino.stdSerializers.err(error));
  return Object.fromEntries(
    fields.map(([name, value]) => [name, typeof value === 'string' ? redact(value) : value]),
  );
}
