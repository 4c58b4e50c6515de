export * from "./time";
export {
  deduplicate, deduplicateCreate, deduplicateDrop, deduplicateExpire, deduplicateExport, deduplicateExportBytes, deduplicateFree,
  deduplicateImport, deduplicateIndex, deduplicateMark,
} from "./deduplicate";
export {
  groupCreate, groupDropWindows, groupForget, groupFree, groupRows, groupWindowEnd, groupWindowGroups, groupWindowRecords,
  groupWindows,
} from "./group-table";
export { groupDistinct, groupDistinctCounts, groupFilterBits } from "./distinct";
export { groupAdd, groupFilter } from "./aggregate";
export { groupDecimalColumn } from "./decimal-text";
export { groupChanges, groupResultColumn, groupResults } from "./group-result";
export { groupKeyColumn } from "./group-key";
export { sessionKeyColumn } from "./session-key";
export { groupAddStates, groupExactSums, groupExtremes, groupStateWord } from "./group-states";
export { groupIsOneWindow, groupMerge, groupPartial, groupPartialIsPlain } from "./group-partial";
export {
  groupSnapshotBegin, groupSnapshotEnd, groupSnapshotNeeded, groupSnapshotNext, groupSnapshotPassed,
} from "./group-snapshot";
export {
  sessionClose, sessionCreate, sessionFirstEnd, sessionForget, sessionFree, sessionIsOpen, sessionRows,
} from "./session-table";
export { sessionBounds, sessionChanges, sessionForgetChanges, sessionResults } from "./session-result";
export {
  sessionImport, sessionSnapshotBegin, sessionSnapshotEnd, sessionSnapshotNeeded, sessionSnapshotNext,
} from "./session-snapshot";
export { groupImport, groupImportPassed } from "./group-import";
export { groupImport02 } from "./group-import-02";
export { groupHasFewChanges, groupTrack } from "./group-change";
export { partialCounts, partialFloats, partialIntegers, partialInTime, partialNulls } from "./partial-rows";
