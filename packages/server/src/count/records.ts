/** Records of numbers in pages: a million of them are a few hundred typed arrays to the garbage collector, and not a million objects. */

/** Records of a page. A page is made in some 10 µs, so that no single hit waits for room. */
const PAGE_BITS = 12;
const PAGE = 1 << PAGE_BITS;

/** No record. */
export const NONE = -1;

/** One page, seen as what is in it. */
interface Page {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: Buffer;
  /** Its first free record, NONE where it is full. A free record has the next one in its first word. */
  free: number;
  used: number;
}

/**
 * Records of `width` words of 32 bits, an even number. They are known by a number that stays the same until `give`; what is in a record
 * that was just taken is not defined. The lowest free place is taken first, so that pages at the end become empty; those are kept until
 * `trim`, because what the garbage collector has not yet taken away stands in memory beside what is made anew.
 */
export class Records {
  private readonly pages: Page[] = [];
  /** Pages with nothing in them. */
  private readonly spare: Page[] = [];
  /** No page below this one has room. */
  private roomFrom = 0;
  private taken = 0;

  constructor(private readonly width: number) {}

  /** How many are taken. */
  get inUse(): number {
    return this.taken;
  }

  take(): number {
    let page = this.pages[this.roomFrom];
    while (page !== undefined && page.free === NONE) page = this.pages[++this.roomFrom];
    page ??= this.addPage();
    const at = page.free;
    page.free = page.words[at * this.width] ?? NONE;
    page.used++;
    this.taken++;
    return (this.roomFrom << PAGE_BITS) | at;
  }

  give(record: number): void {
    const number = record >>> PAGE_BITS;
    const page = this.pages[number];
    if (page === undefined) return;
    const at = record & (PAGE - 1);
    page.words[at * this.width] = page.free;
    page.free = at;
    page.used--;
    this.taken--;
    if (number < this.roomFrom) this.roomFrom = number;
    for (let last = this.pages.at(-1); last?.used === 0; last = this.pages.at(-1)) {
      this.spare.push(last);
      this.pages.pop();
    }
  }

  /** Gives up an empty page, where there is one. */
  trim(): void {
    this.spare.pop();
  }

  get(record: number, field: number): number {
    return this.pages[record >>> PAGE_BITS]?.words[(record & (PAGE - 1)) * this.width + field] ?? 0;
  }

  set(record: number, field: number, value: number): void {
    const page = this.pages[record >>> PAGE_BITS];
    if (page !== undefined) page.words[(record & (PAGE - 1)) * this.width + field] = value;
  }

  /** The first two words as one number of 64 bits. */
  getDouble(record: number): number {
    return this.pages[record >>> PAGE_BITS]?.doubles[((record & (PAGE - 1)) * this.width) >>> 1] ?? 0;
  }

  setDouble(record: number, value: number): void {
    const page = this.pages[record >>> PAGE_BITS];
    if (page !== undefined) page.doubles[((record & (PAGE - 1)) * this.width) >>> 1] = value;
  }

  /** The bytes among which the record's are, from `offsetOf(record)` on. */
  bytesOf(record: number): Buffer | undefined {
    return this.pages[record >>> PAGE_BITS]?.bytes;
  }

  offsetOf(record: number): number {
    return (record & (PAGE - 1)) * this.width * 4;
  }

  private addPage(): Page {
    const page = this.spare.pop() ?? this.makePage();
    this.pages.push(page);
    return page;
  }

  private makePage(): Page {
    const words = new Int32Array(PAGE * this.width);
    for (let at = 0; at < PAGE; at++) words[at * this.width] = at + 1 < PAGE ? at + 1 : NONE;
    return { words, doubles: new Float64Array(words.buffer), bytes: Buffer.from(words.buffer), free: 0, used: 0 };
  }
}
