import { PageHeading } from '../shell/page-heading.tsx';
import { useTheme } from '../shell/use-theme.ts';

/** `/graphiql`: GraphiQL as the server shows it at `/graphql`, with the page's login. */
export function GraphiqlPage() {
  const theme = useTheme();
  return (
    <>
      <PageHeading title="GraphiQL" className="sr-only" />
      <iframe
        key={theme}
        title="GraphiQL"
        src="/graphql"
        className="h-[calc(100dvh-3.3rem)] w-full border-0"
      />
    </>
  );
}
