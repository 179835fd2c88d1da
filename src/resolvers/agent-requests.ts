import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { AgentRequest, RequestState } from '../tasks/domain/transcript/request.ts';
import { pageRequests } from '../tasks/store/view/prompt-queries.ts';
import type { Context } from './context.ts';

export function agentRequests(
  state: RequestState | null,
  page: PageArguments,
  { view }: Context,
): Promise<Page<AgentRequest>> {
  return pageRequests(view, state, page);
}
