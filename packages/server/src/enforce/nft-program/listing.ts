/**
 * Reads what `nft -j list set` prints as it comes, element by element: of 100,000 elements it prints 11 MB, which `JSON.parse` in one
 * piece would hold up the loop for. libnftables-json(5).
 */

/** Takes the output piece by piece. */
export interface ListingReader {
  feed(chunk: Buffer): void;
  /** All of it but the elements; undefined when it is not what nft prints. */
  end(): unknown;
}

/** An element is some 110 bytes, and a comment of an admin's at most 128 more. */
const LONGEST_ELEMENT = 4096;
/** What stands around the elements is 500 bytes. */
const LONGEST_FRAME = 65_536;
/** `{"nftables": [{"set": {"elem": [`: the fifth bracket opens the elements. */
const ELEMENTS_DEPTH = 5;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** @param element called with each element, parsed */
export function listingReader(element: (value: unknown) => void): ListingReader {
  let frame = '';
  let piece = '';
  let depth = 0;
  let isInElements = false;
  let isInText = false;
  let isEscaped = false;
  let isFaulty = false;

  function finishElement(): void {
    if (piece.trim() === '') return;
    try {
      element(JSON.parse(piece));
    } catch {
      isFaulty = true;
    }
    piece = '';
  }

  function take(text: string): void {
    if (isInElements) piece += text;
    else frame += text;
    if (piece.length > LONGEST_ELEMENT || frame.length > LONGEST_FRAME) isFaulty = true;
  }

  return {
    feed(chunk) {
      // One character for each byte: what is looked at is ASCII.
      const text = chunk.toString('latin1');
      let from = 0;
      for (let i = 0; i < text.length && !isFaulty; i++) {
        const c = text.charCodeAt(i);
        if (isInText) {
          if (isEscaped) isEscaped = false;
          else if (c === BACKSLASH) isEscaped = true;
          else if (c === QUOTE) isInText = false;
        } else if (c === QUOTE) isInText = true;
        else if (c === OPEN_OBJECT || c === OPEN_LIST) {
          depth++;
          if (c === OPEN_OBJECT || isInElements || depth !== ELEMENTS_DEPTH) continue;
          take(text.slice(from, i + 1));
          from = i + 1;
          isInElements = /"elem"\s*:\s*\[$/.test(frame);
        } else if (c === CLOSE_OBJECT || c === CLOSE_LIST) {
          depth--;
          if (!isInElements || depth >= ELEMENTS_DEPTH) continue;
          take(text.slice(from, i));
          from = i;
          finishElement();
          isInElements = false;
        } else if (c === COMMA && isInElements && depth === ELEMENTS_DEPTH) {
          take(text.slice(from, i));
          from = i + 1;
          finishElement();
        }
      }
      if (!isFaulty) take(text.slice(from));
    },
    end() {
      if (isFaulty || isInElements) return undefined;
      try {
        const parsed: unknown = JSON.parse(frame);
        return parsed;
      } catch {
        return undefined;
      }
    },
  };
}
