const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMilliseconds = 100;
const quietMilliseconds = 1_000;

/**
 * Shows that something takes time: `progress(label, work)` runs the work and answers what it answers. A terminal gets one moving
 * line with the time elapsed, anything else plain lines; work that is done within a second is not mentioned.
 *
 * @param {NodeJS.WriteStream} stream
 */
export function createProgress(stream = process.stderr) {
  const moving = stream.isTTY === true && process.env.TERM !== 'dumb';

  /** @template T @param {string} label @param {() => Promise<T>} work @returns {Promise<T>} */
  return async function progress(label, work) {
    const startedAt = performance.now();
    const elapsed = () => `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
    const showing = moving ? showSpinner(stream, label, elapsed) : announceLater(stream, label);
    try {
      const result = await work();
      showing.end();
      if (performance.now() - startedAt >= quietMilliseconds) stream.write(`${label}: done in ${elapsed()}\n`);
      return result;
    } catch (error) {
      showing.end();
      stream.write(`${label}: failed after ${elapsed()}\n`);
      throw error;
    }
  };
}

function showSpinner(stream, label, elapsed) {
  let frame = 0;
  const timer = setInterval(() => {
    stream.write(`\r\x1b[K${frames[frame++ % frames.length]} ${label} ${elapsed()}`);
  }, frameMilliseconds);
  return {
    end() {
      clearInterval(timer);
      if (frame > 0) stream.write('\r\x1b[K');
    },
  };
}

function announceLater(stream, label) {
  const timer = setTimeout(() => stream.write(`${label} …\n`), quietMilliseconds);
  return { end: () => clearTimeout(timer) };
}
