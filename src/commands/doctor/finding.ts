import type { Config } from '../../config.ts';

/** What one check found. Text and remedy are sentences on one line. */
export type Finding =
  | { readonly level: 'ok'; readonly text: string }
  | { readonly level: Fault; readonly text: string; readonly remedy: string };

/** A warning may be as intended; with a problem, Groundcrew does not work. */
export type Fault = 'warning' | 'problem';

export interface DoctorContext {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The repository that the user asks about: a URL or an absolute path. */
  readonly repository: string | undefined;
}

/** The checks of one subject. Each finding is yielded as soon as it is known. Must change nothing, and leave nothing. */
export interface CheckGroup {
  readonly title: string;
  check(context: DoctorContext): AsyncGenerator<Finding> | Generator<Finding>;
}

export const ok = (text: string): Finding => ({ level: 'ok', text });
export const warning = (text: string, remedy: string): Finding => ({ level: 'warning', text, remedy });
export const problem = (text: string, remedy: string): Finding => ({ level: 'problem', text, remedy });
