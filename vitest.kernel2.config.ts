import { defineConfig } from 'vitest/config';

// An emulated machine takes minutes, and wants QEMU and a kernel: apart from the tests that need nothing but the machine.
// One at a time: each sets up the kernel's initramfs, and emulates two cores.
export default defineConfig({
  test: { include: ['test/kernel2/**/*.test.ts'], pool: 'forks', fileParallelism: false },
});
