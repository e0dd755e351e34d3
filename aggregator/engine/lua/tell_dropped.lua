-- Turns counts of dropped messages into notices, if they are still what was read.
-- KEYS: dropped, trouble. ARGV: number of values, field, value…, number of notices, these. Answers done or changed.
local values = take_many(tonumber(take()))
local notices = take_notices(tonumber(take()))
local bad = wrong_type({ { KEYS[1], 'hash' }, { KEYS[2], 'stream' } })
if bad then
  return redis.error_reply(bad)
end
for i = 1, #values, 2 do
  if redis.call('HGET', KEYS[1], values[i]) ~= values[i + 1] then
    return 'changed'
  end
end
tell(KEYS[2], notices)
for i = 1, #values, 2 do
  redis.call('HDEL', KEYS[1], values[i])
end
return 'done'
