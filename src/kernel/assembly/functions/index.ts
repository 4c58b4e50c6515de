export { textBegin } from "./reference";
export * from "./text";
export * from "./like";
export { addMonths, dateField, truncateDays } from "./calendar";
export * from "./value-text";
export * from "./arithmetic";
export { jsonElement, jsonMember, jsonStep, jsonText } from "./json";
export { matchPattern } from "./pattern";
