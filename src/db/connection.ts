/** The name under which all of Groundcrew's connections show in pg_stat_activity. */
export const applicationName = 'groundcrew';

/** Milliseconds. Each of our statements is short: one without an answer by then is on a connection that is lost. */
export const answerTimeoutMs = 10_000;
