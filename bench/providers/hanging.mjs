// Never answers, and never listens.
const hang = () => new Promise(() => {});

export default {
  name: 'bench',
  createSandbox: hang,
  ensureAgent: hang,
  createSession: hang,
  destroySandbox: hang,
  listSandboxes: hang,
};
