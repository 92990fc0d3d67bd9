export default {
  testEnvironment: "node",
  transform: {},
  roots: ["<rootDir>/dist/tests"],
  testMatch: ["**/*.test.js"],
  testTimeout: 60_000,
  maxWorkers: 2,
};
