import type { Page, PageArguments } from '../tasks/domain/pagination.ts';
import type { ApiToken } from '../tasks/domain/viewer.ts';
import { pageApiTokens } from '../tasks/store/view/api-token-queries.ts';
import type { Context } from './context.ts';

export function apiTokens(page: PageArguments, { view }: Context): Promise<Page<ApiToken>> {
  return pageApiTokens(view, page);
}
