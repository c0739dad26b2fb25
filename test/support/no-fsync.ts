/** A test kills processes, never the machine: what the kernel has is not lost, and waiting for the disk is saved. */
export const NO_FSYNC = { fsync: 'off', full_page_writes: 'off' }
