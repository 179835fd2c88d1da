import { memo, useLayoutEffect, useState } from 'react';
import { Toaster } from 'sonner';
import { Provider } from 'urql';
import { Link, Route, Switch, useLocation } from 'wouter';
import { Notice } from './components/notice.tsx';
import { GraphiqlPage } from './graphiql/graphiql-page.tsx';
import { groundcrew } from './groundcrew.ts';
import { LoginPage } from './login/login-page.tsx';
import { NewTaskPage } from './new-task/new-task-page.tsx';
import { ConnectionSign } from './shell/connection-sign.tsx';
import { Header } from './shell/header.tsx';
import { ShortcutsDialog } from './shell/shortcuts-dialog.tsx';
import { useShortcuts } from './shell/use-shortcuts.ts';
import { useTheme } from './shell/use-theme.ts';
import { TaskPage } from './task/task-page.tsx';
import { searchFieldId } from './tasks/filters.tsx';
import { TasksPage } from './tasks/tasks-page.tsx';

export function App() {
  return (
    <Provider value={groundcrew.urql}>
      <Switch>
        <Route path="/login" component={LoginPage} />
        <Route component={SignedIn} />
      </Switch>
    </Provider>
  );
}

function SignedIn() {
  const [path, navigate] = useLocation();
  const [helpOpen, setHelpOpen] = useState(false);
  useLayoutEffect(() => {
    // The list goes back to its own place.
    if (path !== '/') scrollTo({ top: 0 });
  }, [path]);
  useShortcuts({
    n: () => navigate('/new'),
    '?': () => setHelpOpen(true),
    '/': () => {
      if (location.pathname !== '/') navigate('/');
      // Once the list is there.
      requestAnimationFrame(() => document.getElementById(searchFieldId)?.focus());
    },
  });
  return (
    <>
      <a
        href="#main"
        className="sr-only z-50 rounded bg-page p-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to the content
      </a>
      <Header onShowKeys={() => setHelpOpen(true)} />
      <main id="main" tabIndex={-1} className="outline-none">
        <Switch>
          <Route path="/" component={TasksPage} />
          <Route path="/new" component={NewTaskPage} />
          {/* A page of its own for each task: nothing of one task's page is left on another one's. */}
          <Route path="/tasks/:id">{({ id }) => <TaskPage key={id} id={id} />}</Route>
          <Route path="/graphiql" component={GraphiqlPage} />
          <Route component={UnknownPage} />
        </Switch>
      </main>
      <Sign />
      <Keys open={helpOpen} onOpenChange={setHelpOpen} />
      <Toasts />
    </>
  );
}

// They are the same on each path, and to go to another one should cost no more than its page.
const Sign = memo(ConnectionSign);
const Keys = memo(ShortcutsDialog);
const Toasts = memo(() => <Toaster theme={useTheme()} position="bottom-right" />);

function UnknownPage() {
  return (
    <Notice title="There is no page at this address.">
      <Link href="/" className="text-accent underline">
        Show the tasks
      </Link>
    </Notice>
  );
}
