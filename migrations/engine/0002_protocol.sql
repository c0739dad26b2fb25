-- Processes of two releases live side by side during a deployment, and say to one another what both understand.

alter table processes add column protocol integer not null default 1;
comment on column processes.protocol is 'what the process understands of others; 1 in releases from before there was a number';
