-- Sets the due time of a feed that nobody polls now. KEYS: due, feed. ARGV: feed id, now, due.
local feed_id, now, due = take(), now_ms(take()), take()
local bad = wrong_type({ { KEYS[1], 'zset' }, { KEYS[2], 'hash' } })
if bad then
  return redis.error_reply(bad)
end
if numeric(redis.call('HGET', KEYS[2], 'lease')) > now then
  return 'claimed'
end
redis.call('ZADD', KEYS[1], 'XX', due, feed_id)
return 'done'
