import { z } from 'zod';
import { sandboxKey } from '../../tasks/sandbox-key.ts';
import { StepError } from '../failure.ts';
import { now, resultOf, type Step } from './step.ts';

const sandboxRef = z.object({
  id: z.string().min(1),
  cwd: z.string().min(1),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

/** Has the provider make the sandbox, under the task's key: a try after a crash adopts what an earlier one made. */
export const createSandbox: Step = async (work, context) => {
  const { task, provider } = work;
  const answer = await provider.createSandbox(
    {
      key: sandboxKey(task.id),
      taskId: task.id,
      repoUrl: task.repoUrl,
      branch: task.state.branchName ?? '',
      baseRef: task.baseRef,
    },
    context,
  );
  const ref = sandboxRef.safeParse(answer);
  if (!ref.success)
    throw new StepError('SANDBOX_FAILED', `provider ${provider.name} answered with no sandbox`);
  const { id, cwd, metadata } = ref.data;
  const sandbox = { id, provider: provider.name, cwd };
  return resultOf(
    work,
    { type: 'sandboxCreated', at: now(), sandbox },
    { sandboxMetadata: metadata ?? null },
  );
};
