-- When the airline changed the flights of a booking: their times as they were sold hold no longer.
alter table bookings add column schedule_changed_at timestamptz;
