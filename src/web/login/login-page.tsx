import { type FormEvent, useEffect, useState } from 'react';
import { Button } from '../components/button.tsx';
import { Field, inputClass } from '../components/field.tsx';
import { usePageTitle } from '../shell/use-page-title.ts';
import { returnPath } from './return-path.ts';

/** `/login`: a form for an API token. With a code in the fragment, as in the link of `npm start`, it signs in by itself. */
export function LoginPage() {
  usePageTitle('Sign in');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);

  async function signIn(credential: Record<string, string>): Promise<void> {
    setBusy(true);
    try {
      // The answer to a valid credential is a redirect, which a script may not read.
      const response = await fetch('/login', {
        method: 'POST',
        body: new URLSearchParams(credential),
        redirect: 'manual',
      });
      if (response.type === 'opaqueredirect') return location.replace(returnPath());
      setError((await response.text()).trim());
    } catch {
      setError('The server cannot be reached. Try again in a moment.');
    }
    setBusy(false);
  }

  useEffect(() => {
    const code = location.hash.slice(1);
    if (!code) return;
    // A code that was used does not stay in the history of the browser.
    history.replaceState(null, '', location.pathname + location.search);
    void signIn({ code });
  }, []);

  function onSubmit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const token = new FormData(event.currentTarget).get('token');
    if (!busy) void signIn({ token: String(token) });
  }

  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-sm flex-col justify-center gap-6 p-6">
      <div className="flex items-center gap-3">
        <img src="/icon.svg" alt="" className="size-8" />
        <h1 className="font-semibold text-lg">Sign in to Groundcrew</h1>
      </div>
      <form onSubmit={onSubmit} method="post" action="/login" className="flex flex-col gap-4">
        <Field
          label="API token"
          error={error}
          hint="It is in the file “token” of the server's data folder, unless GROUNDCREW_TOKEN is set."
        >
          {(attributes) => (
            <input
              {...attributes}
              type="password"
              name="token"
              required
              autoComplete="current-password"
              className={inputClass}
            />
          )}
        </Field>
        <Button type="submit" look="primary" disabledReason={busy ? 'Signing in.' : undefined}>
          Sign in
        </Button>
      </form>
    </main>
  );
}
