/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read before every source. Sources for BumbleBee call these without a header, which clang has made an error since
 * version 16; it puts instructions in their place, as there is nothing to call in a BPF program.
 */
#ifndef __BEE_BUILTINS_H
#define __BEE_BUILTINS_H

void *memcpy(void *to, const void *from, __SIZE_TYPE__ size);
void *memmove(void *to, const void *from, __SIZE_TYPE__ size);
void *memset(void *to, int value, __SIZE_TYPE__ size);
int memcmp(const void *one, const void *other, __SIZE_TYPE__ size);

#endif
