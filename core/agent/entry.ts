import { DecodePool } from '../decode/index.js';

/** Options with which nothing runs. */
const NO_RUN = new Set(['--check', '-h', '--help', '-V', '--version']);

// The first worker's thread takes as long to start as all the rest takes to load, beside it.
const pool = process.argv.slice(2).some((option) => NO_RUN.has(option)) ? undefined : new DecodePool();
void import('./main.js').then(({ main }) => main(pool));
