import { offset, timestampMs } from '../base/brand.ts';
import { decodeRecordBatches } from '../log/record-batch.ts';
import type { RecordVisitor } from './partition-tail.ts';

/** Visits the records of whole record batches; transaction markers are passed over. @throws HeadraceError `LOG_CORRUPT` */
export function decodeRecords(bytes: Uint8Array, visit: RecordVisitor): void {
  for (const batch of decodeRecordBatches(bytes)) {
    if (batch.control) continue;
    for (const record of batch.entries()) {
      visit(offset(record.offset), timestampMs(record.timestamp), record.key, record.value);
    }
  }
}
