export interface SpanDescription {
  readonly name: string;
  /** `server` answers somebody, `client` asks somebody, `consumer` works off what was stored. Left out: inside of the process. */
  readonly kind?: 'server' | 'client' | 'consumer';
  readonly attributes?: Readonly<Record<string, string | number>>;
  /** The header `traceparent` of what asked for the work (W3C Trace Context). Left out: the span that the call is made in. */
  readonly parent?: string | undefined;
}

/** What records spans. */
export interface Tracer {
  inSpan<T>(span: SpanDescription, work: () => T): T;
  traceparent(): string | undefined;
  /** Sends what is left. */
  stop(): Promise<void>;
}

/** Of the process, as in OpenTelemetry's own API: a span concerns code between two ends that do not know of it. */
let tracer: Tracer | undefined;

/** Records what runs from now on. Undefined: nothing, which is how a process starts. */
export function traceWith(next: Tracer | undefined): void {
  tracer = next;
}

/** Does the work within a span, which ends with it, or with the promise that it returns. Costs nothing when nothing is traced. */
export function inSpan<T>(span: SpanDescription, work: () => T): T {
  return tracer ? tracer.inSpan(span, work) : work();
}

/** The span that the call is made in, as a header `traceparent`; undefined when there is none. */
export function currentTraceparent(): string | undefined {
  return tracer?.traceparent();
}
