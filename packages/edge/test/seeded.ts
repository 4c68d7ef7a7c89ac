export { Chance, fixedSeeds, seeds, showSeed } from '../../../test/support/seeded.ts';
