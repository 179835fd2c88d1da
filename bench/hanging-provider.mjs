// A provider that never answers and ignores its signal.
const hang = () => new Promise(() => {});

/** @type {import('../src/sandbox/provider.ts').SandboxProvider} */
export default {
  name: 'hanging',
  createSandbox: hang,
  ensureAgent: hang,
  createSession: hang,
  destroySandbox: hang,
  listSandboxes: hang,
};
