/** The version of this build; the package's, put in by the bundler and pinned to it by a test. */
export const VERSION = '0.1.0';
