// A set-up file of Vitest: a file of tests fails if it leaves anything behind. Hooks of the tests themselves run before.
import { afterAll, expect } from 'vitest';
import { leaks } from './leaks.js';

afterAll(() => {
  expect(leaks(), 'left behind by these tests').toEqual([]);
});
