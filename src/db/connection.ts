/** The name under which all of Groundcrew's connections show in pg_stat_activity. */
export const applicationName = 'groundcrew';

/** Milliseconds. Each of our statements is short: one that is not answered by then is on a connection that is gone. */
export const answerTimeoutMs = 10_000;
