import { Moon, Sun, SunMoon } from 'lucide-react';
import { IconButton } from '../components/icon-button.tsx';
import { chooseTheme, type Theme, themes } from './theme.ts';
import { useTheme } from './use-theme.ts';

const icons = { system: SunMoon, light: Sun, dark: Moon } as const satisfies Record<Theme, unknown>;

/** Goes through the themes. */
export function ThemeButton() {
  const theme = useTheme();
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] as Theme;
  return <IconButton icon={icons[theme]} name={`Theme: ${theme}`} onClick={() => chooseTheme(next)} />;
}
