-- Prolongs a claim, with the host's slot. KEYS: due, feed. ARGV: prefix, feed id, token, now, lease.
-- Answers done, or stale: it lapsed and another worker took it, or its poll has ended.
local due_key, feed_key = KEYS[1], KEYS[2]
local prefix, feed_id, token, now, lease = take(), take(), take(), now_ms(take()), tonumber(take())
local bad = wrong_type({ { due_key, 'zset' }, { feed_key, 'hash' } })
if bad then
  return redis.error_reply(bad)
end
local feed = redis.call('HMGET', feed_key, 'token', 'done', 'host')
if feed[1] ~= token or feed[2] == token then
  return 'stale'
end
local slot_key = prefix .. ':host:' .. (feed[3] or '')
bad = wrong_type({ { slot_key, 'hash' } })
if bad then
  return redis.error_reply(bad)
end
local lapses = whole(now + lease)
redis.call('HSET', feed_key, 'lease', lapses)
redis.call('ZADD', due_key, 'XX', lapses, feed_id)
if redis.call('HGET', slot_key, 'token') == token then
  redis.call('HSET', slot_key, 'lapses', lapses)
  keep_host(slot_key, now)
end
return 'done'
