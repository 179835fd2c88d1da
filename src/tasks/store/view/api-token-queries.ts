import { sql } from 'kysely';
import { type Page, type PageArguments, pageOf, rangeOf } from '../../domain/pagination.ts';
import { type ApiToken, hasScope } from '../../domain/viewer.ts';
import { toApiToken } from '../api-tokens.ts';
import type { View } from './view.ts';

/** A page of the workspace's tokens, newest first, revoked ones included. */
export async function pageApiTokens(view: View, page: PageArguments): Promise<Page<ApiToken>> {
  const range = rangeOf(page);
  const rows = await view
    .apiTokens()
    .$if(range.after !== null, (query) => query.where('api_token.id', '<', range.after))
    .$if(range.before !== null, (query) => query.where('api_token.id', '>', range.before))
    .orderBy('api_token.id', range.fromEnd ? 'asc' : 'desc')
    .limit(range.limit + 1)
    .execute();
  return pageOf(rows.map(toApiToken), range, (token) => token.id);
}

/** The tokens of these ids that the viewer sees, in no order: with ADMIN the workspace's, otherwise its own. */
export async function findApiTokens(view: View, ids: readonly string[]): Promise<ApiToken[]> {
  const { viewer } = view;
  const own = hasScope(viewer, 'admin') ? null : (viewer.token?.id ?? '');
  const rows = await view
    .apiTokens()
    .where('api_token.id', '=', sql<string>`any(${ids})`)
    .$if(own !== null, (query) => query.where('api_token.id', '=', own))
    .execute();
  return rows.map(toApiToken);
}
