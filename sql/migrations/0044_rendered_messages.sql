-- What a message says, sealed, from its first attempt until its outcome is known: another attempt sends the very same,
-- for providers recognize a repetition by its content.
alter table messages add column rendered bytea;
