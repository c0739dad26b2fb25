/* Runs all tests in one process, because a synthesis takes ten seconds and they can share it. */
import './foundation.test.ts'
import './service.test.ts'
