import { useSyncExternalStore } from 'react';
import { chosenTheme, onThemeChange, type Theme } from './theme.ts';

/** The theme that the visitor has chosen, in whichever window. */
export function useTheme(): Theme {
  return useSyncExternalStore(onThemeChange, chosenTheme);
}
