/** The query parameter of `/login` that holds the path to go back to. */
const parameter = 'next';

/** Goes to the login, which leads back to where the visitor is now. Without effect on the login itself. */
export function leaveForLogin(): void {
  if (location.pathname === '/login') return;
  const here = location.pathname + location.search;
  // Loads the page anew, which ends whatever still waits for the old login.
  location.replace(`/login?${new URLSearchParams({ [parameter]: here })}`);
}

/** Where the login leads to. Only paths of this page, or a link could lead a visitor elsewhere after the login. */
export function returnPath(): string {
  const path = new URLSearchParams(location.search).get(parameter) ?? '/';
  const url = new URL(path, location.origin);
  return url.origin === location.origin && path.startsWith('/') ? url.pathname + url.search : '/';
}
