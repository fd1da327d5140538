const lookMilliseconds = 500;

/**
 * npm passes SIGTERM on to the shell between it and us, which dies of it without a word and would leave us running alone. So under
 * npm, losing the parent counts as SIGTERM.
 */
export function stopWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, lookMilliseconds);
  timer.unref();
}
