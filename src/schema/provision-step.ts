import { StepNameEnum, StepStateEnum } from './enums.ts';
import { ProvisionStepRef, TaskErrorRef } from './refs.ts';

ProvisionStepRef.implement({
  description: 'One of the four steps that provision a task.',
  fields: (t) => ({
    name: t.expose('name', { type: StepNameEnum, description: 'The name of the step.' }),
    state: t.expose('state', { type: StepStateEnum, description: 'The current state.' }),
    attempt: t.exposeInt('attempt', {
      description: '0 until the step first runs. Each attempt adds 1, also after `retryTask`.',
    }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the latest attempt started.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the latest attempt ended.',
    }),
    deadlineAt: t.expose('deadlineAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the running attempt times out. Null while none is running.',
    }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the next attempt starts after a failed one. Null when none is planned.',
    }),
    error: t.expose('error', {
      type: TaskErrorRef,
      nullable: true,
      description: 'The error of the latest failed attempt. It stays when a later attempt succeeds.',
    }),
  }),
});
