/** `12 queue_full, 3 rejected`: what was lost, by reason; `0` where nothing was. */
export function lossText(lost: Readonly<Record<string, number>>): string {
  const losses = Object.entries(lost).filter(([, count]) => count > 0);
  return losses.map(([reason, count]) => `${count} ${reason}`).join(', ') || '0';
}
