import type { Viewer } from '../tasks/domain/viewer.ts';
import type { Context } from './context.ts';

export function viewer({ view }: Context): Viewer {
  return view.viewer;
}
