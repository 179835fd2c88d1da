import type { Context, Viewer } from '../schema/context.ts';

export function viewer(context: Context): Viewer {
  return context.viewer;
}
