/** A map of bounded size that forgets what was put in longest ago. */
export interface Recent<K, V> {
  get(key: K): V | undefined;
  /** Puts it in as the newest. */
  set(key: K, value: V): void;
  delete(key: K): void;
  clear(): void;
  readonly size: number;
}

/** An empty one for at most `capacity` keys. */
export function createRecent<K, V>(capacity: number): Recent<K, V> {
  // A Map keeps the order of insertion.
  const map = new Map<K, V>();
  return {
    get: (key) => map.get(key),
    set(key, value) {
      map.delete(key);
      map.set(key, value);
      if (map.size <= capacity) return;
      for (const [oldest] of map) {
        map.delete(oldest);
        return;
      }
    },
    delete: (key) => void map.delete(key),
    clear: () => map.clear(),
    get size() {
      return map.size;
    },
  };
}
