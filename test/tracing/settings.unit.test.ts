import { expect, it } from 'vitest';
import { wantsTraces } from '../../src/tracing/settings.ts';

it.each([
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, true],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
    true,
  ],
  [{}, false],
  [{ OTEL_SERVICE_NAME: 'crew' }, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_TRACES_EXPORTER: 'none' }, false],
  [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'TRUE' }, false],
])('with %j it is %s that traces are wanted', (env, wanted) => {
  expect(wantsTraces(env)).toBe(wanted);
});

it.each([
  ['OTEL_TRACES_EXPORTER', { OTEL_TRACES_EXPORTER: 'zipkin' }],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }],
])('refuses a %s that Groundcrew does not have, by its name', (name, env) => {
  expect(() => wantsTraces(env)).toThrow(new RegExp(`^${name} must be`));
});
