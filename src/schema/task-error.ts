import { StepNameEnum } from './enums.ts';
import { TaskErrorRef } from './refs.ts';

TaskErrorRef.implement({
  description: 'Why a task, a step or a session failed.',
  fields: (t) => ({
    code: t.exposeString('code', {
      description:
        'For programs: STEP_TIMEOUT, REPOSITORY_NOT_FOUND, SANDBOX_FAILED, AGENT_FAILED, SESSION_FAILED and others. docs/errors.md\nexplains each code; sandbox providers may add codes of their own.',
    }),
    message: t.exposeString('message', {
      description: 'For people. Contains no secrets, no stack trace and no SQL.',
    }),
    step: t.expose('step', { type: StepNameEnum, nullable: true, description: 'The step that failed.' }),
    retryable: t.exposeBoolean('retryable', { description: 'Whether another attempt may succeed.' }),
  }),
});
