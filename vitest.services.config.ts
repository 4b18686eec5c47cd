import { defineConfig } from 'vitest/config';

// Real services, built or installed beforehand: apart from the tests that need nothing but the machine.
export default defineConfig({
  test: {
    include: ['test/services/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    pool: 'forks',
  },
});
