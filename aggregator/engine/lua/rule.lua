-- Applies an operator's word whole, and answers it. KEYS: leader, asked, rulings, examples, events, reports, merged,
-- dropped, ruling.
-- ARGV: prefix, token, now, ms to keep gates and events, ms to keep counts, cap of lists, stream id of the request,
-- answer, ms to keep that, number and names of a message's fields, ruling ('' = nothing changes), event of the moved
-- reports, numbers of moved reports, examples, events, messages and counts; these, examples as entry id, JSON, the
-- others as in publish.lua.
-- Answers done, repeated or stale.
local leader_key, asked_key, rulings_key, examples_key, events_key, reports_key = unpack(KEYS)
local merged_key, dropped_key, ruling_key = unpack(KEYS, 7)
local prefix, token, now = take(), take(), now_ms(take())
local keep_ms, keep_counts_ms, cap = take(), take(), tonumber(take())
local stream_id, answer, keep_answer_ms = take(), take(), take()
local form = take_row_form()
local ruling, event_id = take(), take()
local moved_count, example_count, event_count = tonumber(take()), tonumber(take()), tonumber(take())
local message_count, stat_count = tonumber(take()), tonumber(take())
local wanted = {
  { leader_key, 'hash' }, { asked_key, 'stream' }, { rulings_key, 'stream' }, { examples_key, 'hash' },
  { events_key, 'stream' }, { reports_key, 'stream' }, { merged_key, 'hash' }, { dropped_key, 'hash' },
  { ruling_key, 'string' },
}
local gates = {}
for i, entry_id in ipairs(take_many(moved_count)) do
  gates[i] = prefix .. ':gate:' .. entry_id
end
local examples = take_many(example_count * 2)
local events = take_many(event_count * 3)
local messages = take_messages(message_count, form)
local stats = take_many(stat_count)
local bad = wrong_type(wanted)
if bad then
  return redis.error_reply(bad)
end
if redis.call('HGET', leader_key, 'token') ~= token then
  return 'stale'
elseif #redis.call('XRANGE', asked_key, stream_id, stream_id) == 0 then
  return 'repeated'
end
redis.call('SET', ruling_key, answer, 'PX', keep_answer_ms)
if ruling ~= '' then
  redis.call('XADD', rulings_key, '*', 'r', ruling)
  for _, gate in ipairs(gates) do
    own(gate, 'hash')
    for _, revision in ipairs(redis.call('HKEYS', gate)) do
      redis.call('HSET', gate, revision, event_id)
    end
  end
  for i = 1, #examples, 2 do
    redis.call('HSET', examples_key, examples[i], examples[i + 1] .. '|' .. whole(now))
  end
  keep_events(prefix, events, merged_key, now, keep_ms)
  for _, message in ipairs(messages) do
    send(message, dropped_key, cap)
  end
  count(prefix, now, stats, keep_counts_ms)
end
redis.call('XDEL', asked_key, stream_id)
return 'done'
