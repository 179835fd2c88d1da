import { LogOut } from 'lucide-react';

/** Ends the login at every server. What was typed does not wait in this browser for the next visitor. */
export function SignOut() {
  return (
    <form method="post" action="/logout" onSubmit={() => localStorage.clear()}>
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
