/** Node 23.9 and newer; 20 has it not. */
const { threadCpuUsage } = process as { threadCpuUsage?: () => { user: number; system: number } };

/**
 * CPU time that this thread has had so far, ms; on older Node that of the whole process, which is no less. A
 * difference is therefore the most that was computed here: what of a delay is beyond it, was spent waiting for a CPU
 * or in a system call.
 */
export function cpuTime(): number {
  const { user, system } = threadCpuUsage ? threadCpuUsage() : process.cpuUsage();
  return (user + system) / 1000;
}
