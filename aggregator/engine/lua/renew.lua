-- Prolongs the lead, or ends it when the lease is 0. KEYS: leader. ARGV: token, lease, now. Answers done or stale.
local token, lease, now = take(), tonumber(take()), now_ms(take())
local bad = wrong_type({ { KEYS[1], 'hash' } })
if bad then
  return redis.error_reply(bad)
end
if redis.call('HGET', KEYS[1], 'token') ~= token then
  return 'stale'
end
redis.call('HSET', KEYS[1], 'lapses', whole(now + lease))
return 'done'
