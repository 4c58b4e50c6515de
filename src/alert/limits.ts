/** Every limit of alerts, in one place. */

/** Resolved alerts that the list still shows. */
export const ALERTS_RESOLVED_KEPT = 200;
/** Instances of all rules that are pending or firing at once; a new one beyond is refused and counted. */
export const ALERT_INSTANCES_MAX = 10_000;
/** Milliseconds after which the position in the view is committed although nothing has changed. */
export const ALERT_POSITION_MS = 5_000;
/** A webhook has so long to answer, milliseconds. */
export const WEBHOOK_TIMEOUT_MS = 10_000;
/** Matching rows of a rule that are remembered, for when they are deleted. */
export const ALERT_ROWS_REMEMBERED = 10_000;
/** Segments of the topic of alerts. */
export const ALERT_SEGMENT_BYTES = 16 * 1024 ** 2;
/** Wait before a commit that failed is tried again, milliseconds. */
export const ALERT_COMMIT_RETRY_MS = 1_000;
