import type { ProbeKind } from '../kind.js';
import { BLOCK_IO } from './block-io.js';
import { FILE_SYSTEM } from './file-system.js';
import { NETWORK } from './network.js';
import { PROCESS } from './process.js';
import { SCHEDULER } from './scheduler.js';
import { UPROBE } from './uprobe.js';
import { XDP } from './xdp.js';

/** Everything that `bee init` has a skeleton for; BumbleBee's two first. */
export const KINDS: readonly ProbeKind[] = [NETWORK, FILE_SYSTEM, PROCESS, SCHEDULER, BLOCK_IO, XDP, UPROBE];
