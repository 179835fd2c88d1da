import { AsyncLocalStorage } from 'node:async_hooks';
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
  const mixin = () => fieldsOfWork.getStore() ?? {};
  return pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime, serializers, mixin },
    stderr,
  );
}

const fieldsOfWork = new AsyncLocalStorage<Readonly<Record<string, string>>>();

/** Adds fields, such as the id of a request, to each line that is logged in the course of the work. */
export function withLogFields<T>(fields: Readonly<Record<string, string>>, work: () => T): T {
  return fieldsOfWork.run(fields, work);
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
