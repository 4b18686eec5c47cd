import { defineConfig } from 'vitest/config';

// Kernel, native and end-to-end tests share one machine's rings and ports: files run one after another.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/services/**', 'test/kernel2/**', 'test/soak/**'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    pool: 'forks',
  },
});
