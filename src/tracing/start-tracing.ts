import { type OtelEnvironment, wantsTraces } from './settings.ts';
import { traceWith } from './tracing.ts';

export interface TracingOptions {
  readonly env: OtelEnvironment;
  readonly serviceName: string;
  readonly version: string;
  readonly warn: (message: string) => void;
}

/**
 * Traces the process, if its environment asks for it. OpenTelemetry is loaded only then. Returns what ends it, once no more work
 * is done. Throws ConfigError.
 */
export async function startTracing(options: TracingOptions): Promise<() => Promise<void>> {
  if (!wantsTraces(options.env)) return async () => {};
  const { OpenTelemetry } = await import('./open-telemetry.ts');
  const tracer = new OpenTelemetry(options);
  traceWith(tracer);
  return async () => {
    traceWith(undefined);
    await tracer.stop();
  };
}
