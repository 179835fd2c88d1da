import { PageHeading } from '../shell/page-heading.tsx';

/** `/graphiql`: GraphiQL as the server shows it at `/graphql`, with the page's login. */
export function GraphiqlPage() {
  return (
    <>
      <PageHeading title="GraphiQL" className="sr-only" />
      <iframe title="GraphiQL" src="/graphql" className="h-[calc(100dvh-3.3rem)] w-full border-0" />
    </>
  );
}
