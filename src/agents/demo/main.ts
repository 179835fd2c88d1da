/** The demo agent as a program that an agent server starts: it speaks ACP over stdin and stdout. */
import { randomUUID } from 'node:crypto';
import { flushCompileCache } from 'node:module';
import { Readable, Writable } from 'node:stream';
import { ndJsonStream } from '@agentclientprotocol/sdk';
import { demoAgent } from './agent.ts';

const output = Writable.toWeb(process.stdout) as WritableStream<Uint8Array>;
const input = Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>;
demoAgent(() => `demo-${randomUUID()}`).connect(ndJsonStream(output, input));
// What the launcher's cache lacks is written now: an agent server kills its agents, and then nothing would be written.
flushCompileCache();
