-- Sets the due times of feeds that nobody polls now.
-- KEYS: due, the feeds' keys. ARGV: now, the longest lease there can be, then for each feed: id, due ('+inf': never).
-- Answers how many were set.
local now, longest = now_ms(take()), tonumber(take())
local bad = wrong_type({ { KEYS[1], 'zset' } })
if bad then
  return redis.error_reply(bad)
end
local set = 0
for i = 2, #KEYS do
  local id, due = take(), take()
  local feed = fields_of(KEYS[i], 'lease')
  if not ahead(feed and feed[1], now, longest) then
    redis.call('ZADD', KEYS[1], 'XX', due, id)
    set = set + 1
  end
end
return set
