import { defineConfig } from 'vitest/config';

// As long as BEE_SOAK says, in seconds: apart from the tests that anybody waits for.
export default defineConfig({
  test: { include: ['test/soak/**/*.test.ts'], pool: 'forks', fileParallelism: false },
});
