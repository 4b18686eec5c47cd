import { describe, expect, it } from 'vitest';
import { unresolvedNames } from '../../../core/bpf/index.js';
import { compileBpf, PRELUDE } from '../../support/c-source.js';
import { execs, legacy } from './fixtures.js';

const program = (declarations: string, body: string) =>
  compileBpf(`${PRELUDE}
${declarations}
SEC("tracepoint/syscalls/sys_enter_getpgid") int handler(void *context) { ${body} return 0; }`);

describe('unresolvedNames', () => {
  it('are what neither the object nor the kernel has', () => {
    const object = program(
      'extern int other(int); extern int wanted; volatile int x;',
      'x = other(x) + wanted; ',
    );
    expect(unresolvedNames(object)).toEqual(['other', 'wanted']);
  });

  it('are none where the object says that the kernel has them', () => {
    const object = program(
      `extern int LINUX_KERNEL_VERSION __attribute__((section(".kconfig")));
       extern const void init_task __attribute__((section(".ksyms")));
       volatile unsigned long x;`,
      'x = LINUX_KERNEL_VERSION + (unsigned long)&init_task;',
    );
    expect(unresolvedNames(object)).toEqual([]);
    expect([execs, legacy].map(unresolvedNames)).toEqual([[], []]);
  });
});
