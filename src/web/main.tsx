import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';

// The pages know better where to be: the browser's guess comes before their content.
history.scrollRestoration = 'manual';
// The login was ended in another window, which has cleared what all windows share: this one keeps nothing of its own either.
addEventListener('storage', ({ key }) => {
  if (key === null) sessionStorage.clear();
});

createRoot(document.getElementById('root') as HTMLElement).render(<App />);
