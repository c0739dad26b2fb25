/* All tests in one process: a synthesis takes its ten seconds, and they can share it. */
import './foundation.test.ts'
import './service.test.ts'
