const reopeners = new Set<() => void>();

function onHangup(): void {
  for (const reopen of reopeners) reopen();
}

/** Call `reopen` at each SIGHUP, until the function that this gives is called. One listener for all files. */
export function onSighup(reopen: () => void): () => void {
  if (reopeners.size === 0) process.on('SIGHUP', onHangup);
  reopeners.add(reopen);
  return () => {
    reopeners.delete(reopen);
    if (reopeners.size === 0) process.off('SIGHUP', onHangup);
  };
}
