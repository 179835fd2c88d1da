// Answers at once.
export default {
  name: 'bench',
  createSandbox: async ({ key }) => ({ id: key, cwd: '/nowhere' }),
  ensureAgent: async () => ({ baseUrl: 'http://127.0.0.1:1' }),
  createSession: async (_sandbox, _endpoint, { key }) => ({ sessionId: key }),
  destroySandbox: async () => {},
  listSandboxes: async () => [],
};
