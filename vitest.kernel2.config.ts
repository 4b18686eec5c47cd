import { defineConfig } from 'vitest/config';

// An emulated machine takes minutes, and wants QEMU and a kernel: apart from the tests that need nothing but the machine.
export default defineConfig({
  test: { include: ['test/kernel2/**/*.test.ts'], pool: 'forks' },
});
