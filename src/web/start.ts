import { openAddress } from './opening.ts';
import { applyTheme } from './shell/theme.ts';
import './styles.css';

// The first script, small enough to run long before the one that shows the page: what the address asks for is on its way
// meanwhile.

applyTheme();
openAddress();
void import('./main.tsx');
