import {
  type Context,
  context,
  DiagLogLevel,
  diag,
  type Tracer as OtelTracer,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { ConfigError } from '../config.ts';
import { numberOf, type OtelEnvironment } from './settings.ts';
import type { SpanDescription, Tracer } from './tracing.ts';

/** Milliseconds that a stop waits for a collector that does not answer. */
const lastExportMs = 2_000;

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  consumer: SpanKind.CONSUMER,
} as const;

export interface OpenTelemetryOptions {
  readonly env: OtelEnvironment;
  /** Unless `OTEL_SERVICE_NAME` says otherwise. */
  readonly serviceName: string;
  readonly version: string;
  /** What OpenTelemetry complains about, such as a collector that cannot be reached. */
  readonly warn: (message: string) => void;
}

/** Sends spans with OTLP. Also what providers record with OpenTelemetry's API becomes part of the traces. */
export class OpenTelemetry implements Tracer {
  readonly #provider: TracerProvider;
  readonly #tracer: OtelTracer;

  constructor({ env, serviceName, version, warn }: OpenTelemetryOptions) {
    const ignore = () => {};
    diag.setLogger(
      { error: warn, warn, info: ignore, debug: ignore, verbose: ignore },
      { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
    );
    const own = resourceFromAttributes({ 'service.name': serviceName, 'service.version': version });
    const processor = new BatchSpanProcessor(
      withoutUndefined({
        exporter: new OTLPTraceExporter(),
        maxExportBatchSize: numberOf(env, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE'),
        maxQueueSize: numberOf(env, 'OTEL_BSP_MAX_QUEUE_SIZE'),
        scheduledDelayMillis: numberOf(env, 'OTEL_BSP_SCHEDULE_DELAY'),
        exportTimeoutMillis: numberOf(env, 'OTEL_BSP_EXPORT_TIMEOUT'),
      }),
    );
    this.#provider = new TracerProvider({
      resource: defaultResource()
        .merge(own)
        .merge(detectResources({ detectors: [envDetector] })),
      sampler: samplerOf(env),
      spanProcessors: [processor],
    });
    this.#tracer = this.#provider.getTracer('groundcrew', version);
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    trace.setGlobalTracerProvider(this.#provider);
  }

  inSpan<T>({ name, kind, attributes, parent }: SpanDescription, work: () => T): T {
    const within: Context =
      parent === undefined
        ? context.active()
        : propagation.extract(context.active(), { traceparent: parent });
    const options = { ...(kind && { kind: kinds[kind] }), ...(attributes && { attributes }) };
    const span = this.#tracer.startSpan(name, options, within);
    try {
      const result = context.with(trace.setSpan(within, span), work);
      if (!(result instanceof Promise)) {
        span.end();
        return result;
      }
      return result.then(
        (value) => {
          span.end();
          return value;
        },
        (error: unknown) => {
          failed(span, error);
          throw error;
        },
      ) as T;
    } catch (error) {
      failed(span, error);
      throw error;
    }
  }

  traceparent(): string | undefined {
    const carrier: { traceparent?: string } = {};
    propagation.inject(context.active(), carrier);
    return carrier.traceparent;
  }

  async stop(): Promise<void> {
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, lastExportMs);
    await Promise.race([this.#provider.shutdown().catch(() => {}), waited]);
    clearTimeout(timer);
  }
}

/** Only what kind of error it was: the text of a provider's may hold what is secret, or a prompt. */
function failed(span: Span, error: unknown): void {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  span.setAttribute('error.type', String(code ?? name ?? 'unknown'));
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration */
function samplerOf(env: OtelEnvironment): Sampler {
  const share = env.OTEL_TRACES_SAMPLER_ARG ? Number(env.OTEL_TRACES_SAMPLER_ARG) : 1;
  if (!(share >= 0 && share <= 1)) {
    throw new ConfigError('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1.');
  }
  const name = env.OTEL_TRACES_SAMPLER || 'parentbased_always_on';
  const roots: Readonly<Record<string, () => Sampler>> = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(share),
  };
  const root = roots[name.replace(/^parentbased_/, '')];
  if (!root) {
    const known = Object.keys(roots);
    const all = [...known, ...known.map((each) => `parentbased_${each}`)].join(', ');
    throw new ConfigError(`OTEL_TRACES_SAMPLER must be one of ${all}.`);
  }
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root: root() }) : root();
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(options: T): Defined<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>;
}
