import { ConfigError } from '../config.ts';

/** OpenTelemetry's own settings, as its specification names them. */
export type OtelEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Whether the environment asks for traces: with `OTEL_TRACES_EXPORTER=otlp`, or by naming where they go. Throws
 * ConfigError.
 */
export function wantsTraces(env: OtelEnvironment): boolean {
  const exporter = env.OTEL_TRACES_EXPORTER;
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || exporter === 'none') return false;
  const isWanted = exporter || env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  if (!isWanted) return false;
  if (exporter && exporter !== 'otlp') {
    throw new ConfigError('OTEL_TRACES_EXPORTER must be otlp or none.');
  }
  const protocols = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'];
  const protocol = protocols.find((name) => env[name]);
  if (protocol && env[protocol] !== 'http/protobuf') {
    throw new ConfigError(`${protocol} must be http/protobuf.`);
  }
  return true;
}

/** A whole number of OpenTelemetry's; undefined, and so its default, for what is none. */
export function numberOf(env: OtelEnvironment, name: string): number | undefined {
  const value = env[name] ?? '';
  return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}
