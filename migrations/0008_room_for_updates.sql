-- More room for heap-only updates. Requests that were made together lie on one page and change together: with 30 per cent
-- of it free most updates of a burst did not fit, moved to another page and wrote both indexes again.
alter table instances set (fillfactor = 50);
