import { LogOut } from 'lucide-react';
import { chooseTheme, chosenTheme } from '../shell/theme.ts';

/** Ends the login at every server. What was typed does not wait in this browser for the next visitor. */
export function SignOut() {
  function forget(): void {
    const theme = chosenTheme();
    localStorage.clear();
    sessionStorage.clear();
    chooseTheme(theme);
  }
  return (
    <form method="post" action="/logout" onSubmit={forget}>
      <button
        type="submit"
        className="inline-flex min-h-8 items-center gap-1.5 rounded-md px-2 py-1 text-soft hover:bg-hover pointer-coarse:min-h-11"
      >
        <LogOut aria-hidden className="size-4" />
        <span className="max-sm:sr-only">Sign out</span>
      </button>
    </form>
  );
}
