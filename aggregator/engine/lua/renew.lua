-- Prolongs the lead, or ends it when the lease is 0. KEYS: leader. ARGV: token, lease, now. Answers done, stale, or
-- gone where the server knows of no lead at all.
local token, lease, now = take(), tonumber(take()), now_ms(take())
local bad = wrong_type({ { KEYS[1], 'hash' } })
if bad then
  return redis.error_reply(bad)
end
local stands = redis.call('HGET', KEYS[1], 'token')
if not stands then
  return 'gone'
elseif stands ~= token then
  return 'stale'
end
redis.call('HSET', KEYS[1], 'lapses', whole(now + lease))
return 'done'
