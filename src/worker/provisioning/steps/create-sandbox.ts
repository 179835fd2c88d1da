import { z } from 'zod';
import { sandboxKey } from '../../../tasks/domain/external-keys.ts';
import { inSpan } from '../../../tracing/tracing.ts';
import { StepError } from '../../failure.ts';
import { callOf, type Step, storableText } from './step.ts';

/** Characters of JSON. */
const maxMetadata = 65_536;

const sandboxRef = z.object({
  id: storableText(1_000),
  cwd: storableText(4_000),
  metadata: z.record(z.string(), z.unknown()).refine(isStorable).optional(),
});

/** Whether PostgreSQL takes it as JSON: no cycles, no `\0`, no half of a surrogate pair. */
function isStorable(value: unknown): boolean {
  try {
    const json = JSON.stringify(value);
    return json.length <= maxMetadata && !/\\u(0000|d[89a-f])/.test(json);
  } catch {
    return false;
  }
}

/** Has the provider make the sandbox under the task's key: after a crash, it adopts what an earlier attempt made. */
export const createSandbox: Step = async ({ task, provider }, context) => {
  const request = {
    key: sandboxKey(task.id),
    taskId: task.id,
    repoUrl: task.repoUrl,
    branch: task.state.branchName ?? '',
    baseRef: task.baseRef,
  };
  const answer = await inSpan(callOf('createSandbox'), () => provider.createSandbox(request, context));
  const ref = sandboxRef.safeParse(answer);
  if (!ref.success) {
    throw new StepError('SANDBOX_FAILED', `Provider ${provider.name} did not answer with a valid sandbox.`);
  }
  const { id, cwd, metadata } = ref.data;
  return {
    event: { type: 'sandboxCreated', sandbox: { id, provider: provider.name, cwd } },
    workerData: { sandboxMetadata: metadata ?? null },
  };
};
