// A provider whose sandboxes are only names and whose methods answer at once.

/** @type {import('../../src/sandbox/provider.ts').SandboxProvider} */
export default {
  name: 'instant',
  createSandbox: async ({ key }) => ({ id: key, cwd: '/nowhere' }),
  ensureAgent: async () => ({ baseUrl: 'http://127.0.0.1:1' }),
  createSession: async (_sandbox, _endpoint, { key }) => ({ sessionId: key }),
  destroySandbox: async () => {},
  listSandboxes: async () => [],
};
