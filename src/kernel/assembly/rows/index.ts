export {
  rowsAppend, rowsCreate, rowsDestroy, rowsDropBuckets, rowsFree, rowsProbe, rowsTake, rowsTimes, rowsUncounted, rowsUnlink,
} from "./row-map";
export { rowsBucketAddress, rowsBucketNumber, rowsBuckets, rowsInBucket, rowsOfBucket, rowsPassed, rowsRestoreBucket } from "./bucket";
export { rowsGather, takeColumn } from "./row-copy";
export {
  rowsRestoreSlab, rowsSnapshotBegin, rowsSnapshotBytes, rowsSnapshotEnd, rowsSnapshotNext, rowsSnapshotSlab,
} from "./row-snapshot";
export { joinByCount, joinByFound, joinByNulls, joinByTime, joinByWeight, joinPairs, takeWords } from "./join";
export { rowsAsOf, rowsGoing, rowsGone, rowsSettle, scatterWords } from "./version";
export { topChanges, topEnd, topFlush, topFree, topTake } from "./top";
