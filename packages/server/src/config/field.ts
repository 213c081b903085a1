/** The language in which schema.ts describes the configuration, and the TypeScript types that its sentences stand for. */
import type { HostName, Ms, Prefix } from 'banban-shared';
import type { BanLengths, PatternConfig, Place, PortRange } from './config.ts';
import type { Json } from './document.ts';

interface Common {
  /** For the manual: what it is for, without a full stop. */
  readonly description: string;
  /** What stands for an absent key, as an admin would write it. */
  readonly default?: Json;
}

/** A path of a UNIX socket or file; relative ones are relative to the working directory. */
export interface PathField extends Common {
  readonly type: 'path';
}
/** The name or number of a user or group. */
export interface AccountField extends Common {
  readonly type: 'account';
}
/** The permissions of a socket, in octal: `"0660"`, `0o660`, `660`. */
export interface ModeField extends Common {
  readonly type: 'mode';
}
/** A whole number between two bounds, both of them allowed. */
export interface IntegerField extends Common {
  readonly type: 'integer';
  readonly minimum: number;
  readonly maximum: number;
}
/** `true` or `false`; not `yes`, `no`, `on`, `off`, which are text in YAML 1.2. */
export interface BooleanField extends Common {
  readonly type: 'boolean';
}
/** `90s 10m 1h30m 7d 2w` or whole seconds; never for ever. */
export interface DurationField extends Common {
  readonly type: 'duration';
  readonly minimumSeconds: number;
}
/** A number between two bounds, both of them allowed; it may have a fraction. */
export interface NumberField extends Common {
  readonly type: 'number';
  readonly minimum: number;
  readonly maximum: number;
}
/** A part of a whole, `10%`; read as 0.1. */
export interface PercentField extends Common {
  readonly type: 'percent';
  /** In percent. */
  readonly maximum: number;
}
/** The lengths of the first ban, the second, every later one: one duration or a list, `forever` only at its end, or a formula (lengths.ts). */
export interface LengthsField extends Common {
  readonly type: 'lengths';
  readonly maxItems: number;
}
/** An address, or a network as `address/bits`. */
export interface NetworkField extends Common {
  readonly type: 'network';
}
/** Who is allowed: an address, a network, a host name, `self`, or `{file: PATH}`. */
export interface AllowedField extends Common {
  readonly type: 'allowed';
}
/** A regular expression; its syntax is checked where it is compiled. */
export interface PatternField extends Common {
  readonly type: 'pattern';
  /** True where `{use: sshd}` may stand for patterns that a pack has ready. */
  readonly mayUse: boolean;
}
/** One of a few words. */
export interface ChoiceField extends Common {
  readonly type: 'choice';
  readonly of: readonly string[];
}
/** One of a few words, or a list of them without doubles. */
export interface ChoicesField extends Common {
  readonly type: 'choices';
  readonly of: readonly string[];
}
/** Ports by number, range (`6000-6010`) or name (`smtp`): one, or a list. */
export interface PortsField extends Common {
  readonly type: 'ports';
  readonly maxItems: number;
}
/** A program with its arguments, as a list. */
export interface ArgumentsField extends Common {
  readonly type: 'arguments';
}
/** Any text of one line, taken as it is written: `1234` is text, too. */
export interface TextField extends Common {
  readonly type: 'text';
}
/** A name that refers to something named elsewhere in the file. */
export interface NameField extends Common {
  readonly type: 'name';
  readonly longest: number;
}
/** A list of one kind of thing, of at least `minItems` where that is given. */
export interface ListField extends Common {
  readonly type: 'list';
  readonly items: Field;
  readonly minItems?: number;
}
/** A map with fixed keys; any other is an error. */
export interface RecordField extends Common {
  readonly type: 'record';
  readonly properties: { readonly [key: string]: Field };
  readonly required: readonly string[];
  /** Words that admins know from elsewhere, to the key they want. */
  readonly synonyms?: { readonly [word: string]: string };
}
/** A map whose other keys depend on the word that its key `type` has. */
export interface VariantsField extends Common {
  readonly type: 'variants';
  /** How the manual writes the word: `sources[TYPE].path`. */
  readonly nameShown: string;
  readonly of: { readonly [word: string]: RecordField };
}
/** A map whose keys the admin chooses. */
export interface NamedField extends Common {
  readonly type: 'named';
  /** How the manual writes the admin's name: `targets.NAME.ban`. */
  readonly nameShown: string;
  readonly longest: number;
  readonly values: RecordField | EitherField;
}
/** A map, or in short the value of its most important key: `/run/x` for `{path: /run/x}`. */
export interface EitherField extends Common {
  readonly type: 'either';
  readonly shortFor: string;
  readonly map: RecordField;
}

/** Anything that can stand in the configuration. */
export type Field =
  | PathField
  | AccountField
  | ModeField
  | IntegerField
  | BooleanField
  | DurationField
  | NumberField
  | PercentField
  | LengthsField
  | NetworkField
  | AllowedField
  | PatternField
  | ChoiceField
  | ChoicesField
  | PortsField
  | ArgumentsField
  | TextField
  | NameField
  | ListField
  | RecordField
  | VariantsField
  | NamedField
  | EitherField;

/** An entry of the allow list as it stands in the file. */
export type AllowedEntry =
  | { readonly kind: 'network'; readonly prefix: Prefix }
  | { readonly kind: 'host'; readonly name: HostName }
  | { readonly kind: 'file'; readonly path: string }
  /** This machine's own addresses. */
  | { readonly kind: 'self' };

/** A value with the place it was read from, for what can only be judged together with the rest of the file. */
export interface Placed<T> {
  readonly value: T;
  readonly place: Place;
}

/** An entry of a map whose names the admin chose. */
export interface Named<T> extends Placed<T> {
  readonly name: string;
}

/** What names of targets and rules are made of: first a letter or digit, so never `.`, `..` or an option, and no slash. */
export const NAME = '[A-Za-z0-9][A-Za-z0-9_.-]*';

interface Scalars {
  readonly path: Placed<string>;
  readonly account: string;
  readonly mode: number;
  readonly integer: number;
  readonly boolean: boolean;
  readonly duration: Ms;
  readonly number: number;
  readonly percent: number;
  readonly lengths: Placed<BanLengths>;
  readonly network: Placed<Prefix>;
  readonly allowed: Placed<AllowedEntry>;
  readonly pattern: PatternConfig;
  readonly text: Placed<string>;
  readonly name: Placed<string>;
  readonly ports: Placed<readonly PortRange[]>;
  readonly arguments: Placed<readonly string[]>;
}

/** Keys that are there after the check: those that must be given, and those that have a default. */
type Certain<P, R> = { [K in keyof P]: K extends R ? K : P[K] extends { readonly default: Json } ? K : never }[keyof P];

/** The type of a field's value once it has been read. */
export type Read<F> = F extends { readonly type: infer T extends keyof Scalars }
  ? Scalars[T]
  : F extends { readonly type: 'list'; readonly items: infer I }
    ? readonly Read<I>[]
    : F extends { readonly type: 'choice'; readonly of: readonly (infer W)[] }
    ? Placed<W>
    : F extends { readonly type: 'choices'; readonly of: readonly (infer W)[] }
    ? Placed<readonly W[]>
    : F extends { readonly type: 'record'; readonly properties: infer P; readonly required: readonly (infer R)[] }
      ? { readonly [K in Certain<P, R>]: Read<P[K]> } & { readonly [K in Exclude<keyof P, Certain<P, R>>]?: Read<P[K]> }
      : F extends { readonly type: 'variants'; readonly of: infer O }
      ? { [K in keyof O]: { readonly kind: K; readonly place: Place; readonly value: Read<O[K]> } }[keyof O]
      : F extends { readonly type: 'named'; readonly values: infer V }
        ? readonly Named<Read<V>>[]
        : F extends { readonly type: 'either'; readonly map: infer M }
          ? Read<M>
          : never;
