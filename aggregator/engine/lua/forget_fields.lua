-- Deletes fields that still hold what was read. KEYS: hash. ARGV: field, value…. Answers how many.
local bad = wrong_type({ { KEYS[1], 'hash' } })
if bad then
  return redis.error_reply(bad)
end
local number = 0
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    number = number + redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return number
