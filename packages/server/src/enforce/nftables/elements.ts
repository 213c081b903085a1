/** Reads the elements of the kernel's NEWSETELEM messages: a hundred thousand of them, without an object for each. */
import { FAMILY_LENGTH, NFTA_COUNTER, NFTA_ELEM, NFTA_EXPR, NFTA_LIST, NFTA_LIST_ELEM, NFT_SET_ELEM_INTERVAL_END } from './protocol.ts';

/**
 * What is called for each element: where its key is and how many bytes it has; whether it is an interval's end; and where the
 * attribute with its counter is (EXPR or EXPRESSIONS, its own header included), 0 where it has none.
 */
export type ElementAction = (key: number, width: number, isEnd: boolean, expression: number) => void;

const TYPE_MASK = 0x3fff;
const ATTRIBUTE = 4;
const align = (length: number): number => (length + 3) & ~3;

/** Where the attribute of this type begins, its header included; 0 when there is none from `at` to `end`. */
function findAttribute(bytes: Buffer, at: number, end: number, type: number): number {
  while (at + ATTRIBUTE <= end) {
    const length = bytes.readUInt16LE(at);
    if (length < ATTRIBUTE || at + length > end) return 0;
    if ((bytes.readUInt16LE(at + 2) & TYPE_MASK) === type) return at;
    at += align(length);
  }
  return 0;
}

function readElement(bytes: Buffer, from: number, end: number, action: ElementAction): void {
  let key = 0;
  let width = 0;
  let isEnd = false;
  let expression = 0;
  for (let at = from; at + ATTRIBUTE <= end; ) {
    const length = bytes.readUInt16LE(at);
    if (length < ATTRIBUTE || at + length > end) return;
    switch (bytes.readUInt16LE(at + 2) & TYPE_MASK) {
      case NFTA_ELEM.KEY:
        // A nest with the one attribute NFTA_DATA_VALUE.
        key = at + 2 * ATTRIBUTE;
        width = length - 2 * ATTRIBUTE;
        break;
      case NFTA_ELEM.FLAGS:
        isEnd = length === 8 && (bytes.readUInt32BE(at + ATTRIBUTE) & NFT_SET_ELEM_INTERVAL_END) !== 0;
        break;
      case NFTA_ELEM.EXPR:
      case NFTA_ELEM.EXPRESSIONS:
        expression = at;
        break;
    }
    at += align(length);
  }
  if (width > 0) action(key, width, isEnd, expression);
}

/** Calls back for each element of one message, whose bytes behind its header go from `start` to `end`. */
export function eachElement(bytes: Buffer, start: number, end: number, action: ElementAction): void {
  const list = findAttribute(bytes, start + FAMILY_LENGTH, end, NFTA_LIST.ELEMENTS);
  if (list === 0) return;
  const last = list + bytes.readUInt16LE(list);
  for (let at = list + ATTRIBUTE; at + ATTRIBUTE <= last; ) {
    const length = bytes.readUInt16LE(at);
    if (length < ATTRIBUTE || at + length > last) return;
    if ((bytes.readUInt16LE(at + 2) & TYPE_MASK) === NFTA_LIST_ELEM) readElement(bytes, at + ATTRIBUTE, at + length, action);
    at += align(length);
  }
}

/** The end of the attribute that begins at `at` with its header. */
export const attributeEnd = (bytes: Buffer, at: number): number => at + bytes.readUInt16LE(at);

/** What a counter has counted; undefined where the expression at `at` is none. */
export function counterAt(bytes: Buffer, at: number): { readonly packets: number; readonly bytes: number } | undefined {
  if (at === 0) return undefined;
  const end = attributeEnd(bytes, at);
  if ((bytes.readUInt16LE(at + 2) & TYPE_MASK) === NFTA_ELEM.EXPRESSIONS) {
    for (let one = at + ATTRIBUTE; one + ATTRIBUTE <= end; one += align(bytes.readUInt16LE(one))) {
      if (bytes.readUInt16LE(one) < ATTRIBUTE) return undefined;
      const found = counterIn(bytes, one, Math.min(end, attributeEnd(bytes, one)));
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return counterIn(bytes, at, end);
}

function counterIn(bytes: Buffer, at: number, end: number): { readonly packets: number; readonly bytes: number } | undefined {
  const name = findAttribute(bytes, at + ATTRIBUTE, end, NFTA_EXPR.NAME);
  const data = findAttribute(bytes, at + ATTRIBUTE, end, NFTA_EXPR.DATA);
  if (name === 0 || data === 0 || bytes.toString('latin1', name + ATTRIBUTE, attributeEnd(bytes, name)) !== 'counter\0') return undefined;
  const count = (type: number): number => {
    const one = findAttribute(bytes, data + ATTRIBUTE, attributeEnd(bytes, data), type);
    return one === 0 || bytes.readUInt16LE(one) !== 12 ? 0 : bytes.readUInt32BE(one + ATTRIBUTE) * 2 ** 32 + bytes.readUInt32BE(one + ATTRIBUTE + 4);
  };
  return { packets: count(NFTA_COUNTER.PACKETS), bytes: count(NFTA_COUNTER.BYTES) };
}
