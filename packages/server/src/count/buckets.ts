/**
 * Finds records by their key: linear hashing (Litwin, VLDB 1980). It grows and shrinks by one bucket at a time, so that no hit ever
 * pays for all the others, as it would where a table is made anew of twice the size.
 */
import { NONE, type Records } from './records.ts';

/** Heads of a page, and how many buckets there are at least: a power of two. */
const PAGE_BITS = 12;
const PAGE = 1 << PAGE_BITS;

/** The words that a record in a bucket begins with: its key, the key's hash, the next record of its bucket. */
const KEY_WORDS = 5;
const HASH = 5;
const CHAIN = 6;

/** Where the words of a record begin that are its owner's. */
export const OWN_WORDS = 7;

/** The buckets of the records that were put in: as many as there are records, or a page more. */
export class Buckets {
  /** The first record of each bucket. */
  private readonly pages: Int32Array[] = [new Int32Array(PAGE).fill(NONE)];
  private buckets = PAGE;
  /** The largest power of two that is not above the number of buckets. */
  private whole = PAGE;
  private size = 0;

  constructor(private readonly records: Records) {}

  /** The record of this key, or NONE. */
  find(key: Int32Array, hash: number): number {
    const { records } = this;
    let record = this.head(this.bucketOf(hash));
    while (record !== NONE && !(records.get(record, HASH) === hash && this.isOf(record, key))) record = records.get(record, CHAIN);
    return record;
  }

  /** Gives a record its key, which no other has, and puts it in. */
  add(record: number, key: Int32Array, hash: number): void {
    const { records } = this;
    for (let i = 0; i < KEY_WORDS; i++) records.set(record, i, key[i] ?? 0);
    records.set(record, HASH, hash);
    this.put(this.bucketOf(hash), record);
    if (++this.size > this.buckets) this.grow();
  }

  /** Takes a record out that is in. */
  remove(record: number): void {
    const { records } = this;
    const bucket = this.bucketOf(records.get(record, HASH));
    const next = records.get(record, CHAIN);
    let before = this.head(bucket);
    if (before === record) this.setHead(bucket, next);
    else {
      for (let following = records.get(before, CHAIN); following !== record; following = records.get(before, CHAIN)) before = following;
      records.set(before, CHAIN, next);
    }
    // A page of buckets stays in hand, so that a size that goes up and down does not split and join in turn.
    if (--this.size < this.buckets - PAGE && this.buckets > PAGE) this.shrink();
  }

  private bucketOf(hash: number): number {
    const bucket = hash & (2 * this.whole - 1);
    return bucket < this.buckets ? bucket : bucket & (this.whole - 1);
  }

  private isOf(record: number, key: Int32Array): boolean {
    for (let i = KEY_WORDS - 1; i >= 0; i--) if (this.records.get(record, i) !== key[i]) return false;
    return true;
  }

  private head(bucket: number): number {
    return this.pages[bucket >>> PAGE_BITS]?.[bucket & (PAGE - 1)] ?? NONE;
  }

  private setHead(bucket: number, record: number): void {
    const page = this.pages[bucket >>> PAGE_BITS];
    if (page !== undefined) page[bucket & (PAGE - 1)] = record;
  }

  private put(bucket: number, record: number): void {
    this.records.set(record, CHAIN, this.head(bucket));
    this.setHead(bucket, record);
  }

  /** One bucket more: it takes from the one that stood for it what is its own. */
  private grow(): void {
    const bucket = this.buckets++;
    if (bucket >>> PAGE_BITS === this.pages.length) this.pages.push(new Int32Array(PAGE).fill(NONE));
    if (this.buckets === 2 * this.whole) this.whole *= 2;
    const from = bucket & (bucketsBefore(bucket) - 1);
    let record = this.head(from);
    this.setHead(from, NONE);
    while (record !== NONE) {
      const next = this.records.get(record, CHAIN);
      this.put(this.bucketOf(this.records.get(record, HASH)), record);
      record = next;
    }
  }

  /** One bucket less: what was in the last goes back to the one that stands for it. */
  private shrink(): void {
    const bucket = --this.buckets;
    if (this.buckets < this.whole) this.whole /= 2;
    let record = this.head(bucket);
    this.setHead(bucket, NONE);
    while (record !== NONE) {
      const next = this.records.get(record, CHAIN);
      this.put(this.bucketOf(this.records.get(record, HASH)), record);
      record = next;
    }
    if (bucket % PAGE === 0) this.pages.pop();
  }
}

/** The largest power of two that is not above `bucket`. */
const bucketsBefore = (bucket: number): number => 1 << (31 - Math.clz32(bucket));
