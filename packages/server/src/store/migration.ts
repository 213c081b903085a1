/** One step of the database's tables from a version to the next. */

/** One step forward. Once released its text never changes. */
export interface Migration {
  /** The `user_version` that the database has afterwards; from 1, without gaps. */
  readonly version: number;
  readonly sql: string;
}
