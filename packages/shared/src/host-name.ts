/** Host names by RFC 1123, as far as they can be looked up in the DNS: nothing else is ever asked for. */

declare const hostNameBrand: unique symbol;

/** A host name of at least two labels, in small letters and without a dot at its end. Made by `parseHostName` only. */
export type HostName = string & { readonly [hostNameBrand]: true };

/** 253 characters (RFC 1035 section 3.1, without the root's dot), and one for the dot. */
const LONGEST = 254;

/** Labels of 1 to 63 letters, digits and dashes, no dash at either end; the last is not a number, or `1.2.3` would be a name. */
const SHAPE = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Reads a host name. One without a dot is none here: it would mean another host on every machine, or a mistyped word.
 *
 * @returns undefined for anything else
 */
export function parseHostName(text: string): HostName | undefined {
  if (text.length > LONGEST) return undefined;
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase();
  return name.length < LONGEST && SHAPE.test(name) ? (name as HostName) : undefined;
}
