export * from "./memory";
export * from "./hash";
