import type { Context, Viewer } from './context.ts';

export function viewer(context: Context): Viewer {
  return context.viewer;
}
