-- name: reserve
-- The scope whose budget is used up; null when it is done.
select ai_reserve($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: settle
select ai_settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: overdue
select s.id, s.reserved from ai_spending s where s.status = 'reserved' and s.lapses_at < $1
  and not exists (
    select from row_failures f where f.sweep = 'spending.lapse' and f.row_id = s.id::text and f.retry_at > $1)
order by s.lapses_at limit 500;

-- name: usage
-- $3: day, model, user or purpose. What is not settled yet has no model.
select case $3::text
           when 'day' then day::text
           when 'model' then coalesce(model, '')
           when 'user' then coalesce(user_id::text, '')
           else purpose
       end as key,
       count(*) as calls, count(*) filter (where outcome = 'answered') as answered,
       sum(input_tokens)::bigint as input_tokens, sum(output_tokens)::bigint as output_tokens,
       sum(cached_tokens)::bigint as cached_tokens, sum(cost)::bigint as cost,
       coalesce(sum(reserved) filter (where status = 'reserved'), 0)::bigint as reserved
from ai_spending where day between $1 and $2
group by 1 order by 1;

-- name: used_today
select reserved, spent from ai_budgets
where scope = 'global' and subject = '00000000-0000-0000-0000-000000000000' and day = $1;
