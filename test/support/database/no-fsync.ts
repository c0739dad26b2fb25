/** Tests kill processes but never the machine, so the kernel's buffers are never lost and no write must reach the disk. */
export const NO_FSYNC = { fsync: 'off', full_page_writes: 'off' }
