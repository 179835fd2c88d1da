export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const item = 'groundcrew.theme';
const graphiqlItem = 'graphiql:theme';
const listeners = new Set<() => void>();

export function chosenTheme(): Theme {
  const stored = localStorage.getItem(item);
  return themes.find((theme) => theme === stored) ?? 'system';
}

/** Shows the page in the chosen theme; `system` leaves it to the browser. Called before the page is rendered. */
export function applyTheme(): void {
  document.documentElement.dataset.theme = chosenTheme();
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(item, theme);
  // GraphiQL's own, which is taken when it is opened.
  if (theme === 'system') localStorage.removeItem(graphiqlItem);
  else localStorage.setItem(graphiqlItem, theme);
  onChange();
}

/** Calls the listener after each change of the chosen theme, in whichever window. Returns the function that ends that. */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener('storage', onChange);
  return () => {
    listeners.delete(listener);
    removeEventListener('storage', onChange);
  };
}

function onChange(): void {
  applyTheme();
  for (const listener of listeners) listener();
}
