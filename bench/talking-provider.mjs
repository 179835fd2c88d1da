// A provider whose agents are those of a load generator, at the address in BENCH_AGENT_SERVER.
import instant from '../test/support/instant-provider.mjs';

/** @type {import('../src/sandbox/provider.ts').SandboxProvider} */
export default {
  ...instant,
  name: 'talking',
  ensureAgent: async () => ({ baseUrl: process.env.BENCH_AGENT_SERVER ?? '' }),
  createSession: async (_sandbox, _endpoint, { key }) => ({ sessionId: key, acp: { server: key } }),
};
