import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { applyTheme } from './shell/theme.ts';
import './styles.css';

// The pages know better where to be: the browser's guess comes before their content.
history.scrollRestoration = 'manual';
applyTheme();

createRoot(document.getElementById('root') as HTMLElement).render(<App />);
