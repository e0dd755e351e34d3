-- Tells of places that hold what is not ours, each once. KEYS: unreadable, trouble.
-- ARGV: now, most places remembered, number of places, these, a notice for each. Answers the numbers of those told.
local now, most, number = now_ms(take()), tonumber(take()), tonumber(take())
local places = take_many(number)
local notices = take_notices(number)
local bad = wrong_type({ { KEYS[1], 'hash' }, { KEYS[2], 'stream' } })
if bad then
  return redis.error_reply(bad)
end
local room = most - redis.call('HLEN', KEYS[1])
local told = {}
for i, place in ipairs(places) do
  if room > #told and redis.call('HSETNX', KEYS[1], place, '|' .. whole(now)) == 1 then
    tell(KEYS[2], { notices[i] })
    told[#told + 1] = i
  end
end
return told
