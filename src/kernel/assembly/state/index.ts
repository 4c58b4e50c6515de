export * from "./time";
export {
  deduplicate, deduplicateCreate, deduplicateExpire, deduplicateExport, deduplicateExportBytes, deduplicateFree, deduplicateImport,
} from "./deduplicate";
