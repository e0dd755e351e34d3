-- Drops the oldest messages of a list queue: those named, if they still are the oldest, then what is over the cap.
-- KEYS: list, dropped. ARGV: cap bytes, values from the oldest on. Answers {expired, dropped by the cap}.
local list, dropped_key = KEYS[1], KEYS[2]
local cap = tonumber(take())
local bad = wrong_type({ { list, 'list' }, { dropped_key, 'hash' } })
if bad then
  return redis.error_reply(bad)
end
local expired = 0
while position < #ARGV and redis.call('LINDEX', list, -1) == take() do
  redis.call('RPOP', list)
  expired = expired + 1
end
local bytes = redis.call('MEMORY', 'USAGE', list, 'SAMPLES', 100) or 0
local length = redis.call('LLEN', list)
if bytes <= cap or length == 0 then
  return { expired, 0 }
end
local over = math.ceil(length * (1 - cap / bytes))
redis.call('LTRIM', list, 0, length - over - 1)
add(dropped_key, list, over)
return { expired, over }
