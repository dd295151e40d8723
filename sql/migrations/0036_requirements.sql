-- What suppliers ask of an order before money is held, what they said when they refused one, and what it consists of.

-- By the number of the offer within the search; written when an offer is checked.
alter table flight_searches add column requirements jsonb not null default '{}';

alter table bookings
    -- The supplier's own words for a refusal: [{param, message, pointer}]. They may repeat personal data.
    add column refusal jsonb not null default '[]',
    -- One reference for each ticket: [{reference, flights}].
    add column airline_references jsonb not null default '[]',
    -- Of each traveler, in their order: [{hold, hand, hold_kg, hand_kg}]; null means unknown.
    add column baggage jsonb not null default '[]';
