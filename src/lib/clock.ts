/** What time it is; tests pass their own. */
export type Clock = () => Date;

/** Everything that happens in the same millisecond shares one object: what is logged for every token is kept for long. */
export const systemClock: Clock = () => {
  const milliseconds = Date.now();
  if (milliseconds !== moment.getTime()) moment = new Date(milliseconds);
  return moment;
};

let moment = new Date();
