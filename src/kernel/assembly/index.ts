export * from "./memory";
export * from "./hash";
export * from "./crc32c";
export * from "./decoder";
export * from "./record-batch";
export { makeEntry } from "./object";
export * from "./state/index";
export * from "./functions/index";
export * from "./rows/index";
