import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for one without a parent. */
  readonly parentId: string;
  readonly name: string;
  readonly service: string;
}

export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
}

/** A collector that takes spans over OTLP/HTTP, as protobuf. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url === '/v1/traces') spans.push(...readSpans(Buffer.concat(chunks)));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** https://github.com/open-telemetry/opentelemetry-proto: ExportTraceServiceRequest, by the numbers of its fields. */
function readSpans(message: Buffer): ReceivedSpan[] {
  return fields(message, 1).flatMap((resourceSpans) => {
    const attributes = fields(resourceSpans, 1).flatMap((resource) => fields(resource, 1));
    const named = attributes.find((attribute) => text(attribute, 1) === 'service.name');
    const service = named ? text(fields(named, 2)[0] ?? Buffer.of(), 1) : '';
    const spans = fields(resourceSpans, 2).flatMap((scopeSpans) => fields(scopeSpans, 2));
    return spans.map((span) => ({
      traceId: hex(span, 1),
      spanId: hex(span, 2),
      parentId: hex(span, 4),
      name: text(span, 5),
      service,
    }));
  });
}

const hex = (message: Buffer, number: number) => fields(message, number)[0]?.toString('hex') ?? '';
const text = (message: Buffer, number: number) => fields(message, number)[0]?.toString() ?? '';

/** The fields of that number which have a length. https://protobuf.dev/programming-guides/encoding/ */
function fields(message: Buffer, number: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const length = { 0: 0, 1: 8, 5: 4 }[tag & 7];
    if ((tag & 7) === 0) varint();
    const size = length ?? varint();
    if ((tag & 7) === 2 && tag >> 3 === number) found.push(message.subarray(at, at + size));
    at += size;
  }
  return found;
}
