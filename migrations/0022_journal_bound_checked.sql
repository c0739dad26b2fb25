-- Reads the table once. Nothing waits for it: reads and writes go on.

alter table journal
  validate constraint journal_before_months,
  validate constraint journal_one_event,
  validate constraint journal_one_actor;
