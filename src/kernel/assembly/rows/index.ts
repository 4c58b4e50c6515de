export {
  rowsAppend, rowsCreate, rowsDestroy, rowsDropBuckets, rowsFree, rowsProbe, rowsTake, rowsTimes, rowsUncounted, rowsUnlink,
} from "./row-map";
export {
  rowsBucketAddress, rowsBucketNumber, rowsBuckets, rowsInBucket, rowsOfBucket, rowsPassed, rowsRestoreBucket, rowsRestoreNoBuckets,
} from "./bucket";
export { rowsGather, takeColumn } from "./row-copy";
export {
  rowsRestoreChanges, rowsRestored, rowsRestoreSlab, rowsRestoreSlabBytes, rowsSlabBytes, rowsSlabs, rowsSnapshotBegin, rowsSnapshotBytes,
  rowsSnapshotEnd, rowsSnapshotNext, rowsSnapshotSlab,
} from "./row-snapshot";
export { rowsChangesNeeded, rowsChangesNext, rowsHaveFewChanges } from "./row-change";
export { joinByCount, joinByFound, joinByNulls, joinByTime, joinByWeight, joinPairs, takeWords } from "./join";
export { rowsAsOf, rowsGoing, rowsGone, rowsSettle, scatterWords } from "./version";
export { topChanges, topEnd, topFlush, topFree, topTake } from "./top";
