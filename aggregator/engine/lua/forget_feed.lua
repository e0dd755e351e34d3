-- Forgets a feed that is no longer configured and of which nothing is known any more.
-- KEYS: due, feed, known, feeds. ARGV: feed id, now. Answers 1 if it was forgotten.
local feed_id, now = take(), now_ms(take())
local bad = wrong_type({ { KEYS[1], 'zset' }, { KEYS[2], 'hash' }, { KEYS[3], 'hash' }, { KEYS[4], 'set' } })
if bad then
  return redis.error_reply(bad)
end
if redis.call('ZSCORE', KEYS[1], feed_id) or redis.call('EXISTS', KEYS[3]) == 1 then
  return 0
elseif numeric(redis.call('HGET', KEYS[2], 'lease')) > now then
  return 0
end
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[4], feed_id)
return 1
