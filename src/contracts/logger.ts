/** The part of a structured logger (pino's shape) that the parts of the service use. Never given a secret, a prompt or an output. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
