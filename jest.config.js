const isLong = process.env.LOADCAST_LONG_TESTS !== undefined

/** Tests run as native ES modules; swc only strips the types. */
export default {
  testEnvironment: 'node',
  // One real Postgres for the run; each test file clones its database (test/support/database/postgres.ts).
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
  testSequencer: '<rootDir>/test/support/longest-first.js',
  // Many tests wait, for timers and for processes: a third worker uses the time, also where there are two cores.
  maxWorkers: 3,
  // Ends only a test that hangs. Deadlines belong to `until`, which stretches them on a slow machine and says what it waited for.
  testTimeout: 600_000,
  reporters: ['default', '<rootDir>/test/support/summary-reporter.js'],
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // They would take the run beyond ten minutes on two cores.
  testPathIgnorePatterns: isLong ? ['/node_modules/'] : ['/node_modules/', '/test/e2e/(weather/)?long/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
}
