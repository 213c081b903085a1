import { DEFAULT_CONFIG, DEFAULT_CONTROL_SOCKET, DEFAULT_DATABASE, DEFAULT_LOG_SOCKET } from 'banban-shared';
import { expect, test } from 'vitest';

test('every place is absolute and none is another\'s', () => {
  const places = [DEFAULT_CONFIG, DEFAULT_CONTROL_SOCKET, DEFAULT_DATABASE, DEFAULT_LOG_SOCKET];
  for (const place of places) expect(place).toMatch(/^(?:\/[a-z.]+)+$/);
  expect(new Set(places).size).toBe(places.length);
});

test('what is gone with a restart of the machine is in /run, what must not be is not', () => {
  for (const socket of [DEFAULT_CONTROL_SOCKET, DEFAULT_LOG_SOCKET]) expect(socket).toMatch(/^\/run\/banban\//);
  for (const kept of [DEFAULT_CONFIG, DEFAULT_DATABASE]) expect(kept).toMatch(/^\/(?:etc|var\/lib)\/banban\//);
});
