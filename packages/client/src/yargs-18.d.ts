// What yargs 18 has and @types/yargs (17) does not know yet.
import 'yargs';

declare module 'yargs' {
  interface Argv<T> {
    /** `hide-types` leaves `[string]` and `[boolean]` out of the help. */
    usageConfiguration(configuration: { readonly 'hide-types': boolean }): Argv<T>;
  }
}
