/** The embedded PostgreSQL cannot run; the message says why on one line. */
export class EmbeddedPostgresError extends Error {
  override readonly name: string = 'EmbeddedPostgresError';
}

/** Another live process holds the data folder. */
export class DataDirInUseError extends EmbeddedPostgresError {
  override readonly name = 'DataDirInUseError';
  /** Undefined when the owner died or has not said its name yet. */
  readonly pid: number | undefined;

  constructor(dataDir: string, pid: number | undefined) {
    super(
      `GROUNDCREW_DATA_DIR cannot be used: ${dataDir} is in use by another Groundcrew process (pid ${pid ?? 'unknown'}).`,
    );
    this.pid = pid;
  }
}
