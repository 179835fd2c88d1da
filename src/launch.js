// Starts the program that `npm run build:server` has made, if it is of the sources as they are now, and otherwise the sources.
// Plain JavaScript: to strip the types of the first file costs every process 12 MB and 85 ms of processor time.
import { currentBuild } from './current-build.js';

await import(currentBuild() ?? './main.ts');
