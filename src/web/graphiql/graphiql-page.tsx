import { usePageTitle } from '../shell/use-page-title.ts';

/** `/graphiql`: GraphiQL as the server shows it at `/graphql`, with the page's login. */
export function GraphiqlPage() {
  usePageTitle('GraphiQL');
  return <iframe title="GraphiQL" src="/graphql" className="h-[calc(100dvh-3.3rem)] w-full border-0" />;
}
