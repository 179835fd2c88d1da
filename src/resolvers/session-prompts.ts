import type { TaskSession } from '../tasks/domain/task-session.ts';
import type { Prompt } from '../tasks/domain/transcript/prompt.ts';
import type { AgentRequest } from '../tasks/domain/transcript/request.ts';
import type { Context } from './context.ts';

export function sessionPrompts({ id }: TaskSession, { loaders }: Context): Promise<Prompt[]> {
  return loaders.openPrompts.load(id);
}

export function sessionUndeliveredPrompts({ id }: TaskSession, { loaders }: Context): Promise<Prompt[]> {
  return loaders.undeliveredPrompts.load(id);
}

export function sessionRequests({ id }: TaskSession, { loaders }: Context): Promise<AgentRequest[]> {
  return loaders.openRequests.load(id);
}
