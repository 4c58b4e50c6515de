/** A partition that is silent for so long stops holding the watermark back, unless the source says otherwise. Milliseconds. */
export const IDLE_TIMEOUT_DEFAULT_MS = 10_000;
/** A row further ahead of its receipt is refused, unless the source says otherwise (ARCHITECTURE, section 5). Milliseconds. */
export const FUTURE_LIMIT_DEFAULT_MS = 60_000;
