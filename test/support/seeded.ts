/** Before each test file of vitest's `quick` project: gives fast-check the seed, which otherwise differs from run to run. */
import fc from 'fast-check';
import { seed } from './search.ts';

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
