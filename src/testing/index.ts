/** The test driver that users import: `headrace/testing`. */

export { openPipelineTest, type PipelineTest, type PipelineTestOptions, type TestRow } from './pipeline-test.ts';
export {
  compareRows,
  parseTestFile,
  runTestFile,
  type TestDifference,
  type TestFile,
  type TestStep,
} from './test-file.ts';
